import { textAt } from '../answer.ts';
import type { GitHost } from '../git-host.ts';
import type { HostClient } from '../host-client.ts';
import { allPages } from '../pages.ts';
import { segment } from '../paths.ts';
import { ownersHost } from './owners.ts';

/** Gitea and Forgejo: REST API v1. */
export function giteaHost(client: HostClient, userName: string): GitHost {
  // What its operators let a page hold at most, unless they changed it.
  const pageSize = { limit: 50 };
  return ownersHost(client, userName, {
    pageSize,
    async otherNamespaces() {
      const found = await allPages(client, { path: '/user/orgs', query: pageSize });
      return found.map((one) => {
        const name = textAt(one, 'name') || textAt(one, 'username');
        return { id: name, name };
      });
    },
    nameOf: (repository) => textAt(repository, 'name'),
    cloneUrlOf: (repository) => textAt(repository, 'clone_url'),
    hookUrlOf: (hook) => textAt(hook, 'config', 'url'),
    newHook: ({ url, secret }) => ({
      type: 'gitea',
      active: true,
      branch_filter: '*',
      events: ['push'],
      config: { url, content_type: 'json', secret },
    }),
    async createTag(root, { name, ref, description }) {
      const json = { tag_name: name, target: ref, message: description };
      await client.ask({ method: 'POST', path: `${root}/tags`, json });
    },
    tagPath: '/tags',
    createMethod: 'POST',
    deletesBy: 'json',
    treePage: (page) => ({ page, per_page: 1000 }),
    async largeContent(root, sha) {
      const blob = await client.ask({ path: `${root}/git/blobs/${segment(sha, 'sha')}` });
      return textAt(blob.value, 'content');
    },
  });
}
