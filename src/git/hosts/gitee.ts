import { textAt } from '../answer.ts';
import type { GitHost } from '../git-host.ts';
import type { HostClient } from '../host-client.ts';
import { allPages } from '../pages.ts';
import { segment } from '../paths.ts';
import { ownersHost } from './owners.ts';

/** Says that a hook's secret signs, and is not sent along as a password. */
const SIGNED = 1;

/** Gitee: REST API v5. A repository's `path` stands in its address; its `name` may be any text. */
export function giteeHost(client: HostClient, userName: string): GitHost {
  const pageSize = { per_page: 100 };
  return ownersHost(client, userName, {
    pageSize,
    async otherNamespaces() {
      const found = await allPages(client, { path: '/user/orgs', query: pageSize });
      return found.map((one) => ({ id: textAt(one, 'login'), name: textAt(one, 'login') }));
    },
    nameOf: (repository) => textAt(repository, 'path') || textAt(repository, 'name'),
    // Its page's address is the one to clone from, with or without the ending.
    cloneUrlOf: (repository) => textAt(repository, 'html_url').replace(/(\.git)?$/, '.git'),
    hookUrlOf: (hook) => textAt(hook, 'url'),
    newHook: ({ url, secret }) => ({ url, password: secret, encryption_type: SIGNED, push_events: true }),
    async createTag(root, { name, ref, description }) {
      const json = { tag_name: name, refs: ref, tag_message: description };
      await client.ask({ method: 'POST', path: `${root}/tags`, json });
    },
    tagPath: '/tags',
    createMethod: 'POST',
    deletesBy: 'query',
    treePage: (page) => (page === 1 ? {} : undefined),
    async largeContent(root, sha) {
      const blob = await client.ask({ path: `${root}/git/blobs/${segment(sha, 'sha')}` });
      return textAt(blob.value, 'content').replace(/\s/g, '');
    },
  });
}
