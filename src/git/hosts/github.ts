import { textAt } from '../answer.ts';
import type { GitHost } from '../git-host.ts';
import type { HostClient } from '../host-client.ts';
import { allPages } from '../pages.ts';
import { segment } from '../paths.ts';
import { ownersHost } from './owners.ts';

/** GitHub and GitHub Enterprise Server: REST API, version 2022-11-28. */
export const githubHeaders = {
  accept: 'application/vnd.github+json',
  'x-github-api-version': '2022-11-28',
} as const;

export function githubHost(client: HostClient, userName: string): GitHost {
  const pageSize = { per_page: 100 };
  return ownersHost(client, userName, {
    pageSize,
    async otherNamespaces() {
      const found = await allPages(client, { path: '/user/orgs', query: pageSize });
      return found.map((one) => ({ id: textAt(one, 'login'), name: textAt(one, 'login') }));
    },
    nameOf: (repository) => textAt(repository, 'name'),
    cloneUrlOf: (repository) => textAt(repository, 'clone_url'),
    hookUrlOf: (hook) => textAt(hook, 'config', 'url'),
    newHook: ({ url, secret }) => ({
      name: 'web',
      active: true,
      events: ['push'],
      config: { url, content_type: 'json', secret, insecure_ssl: '0' },
    }),
    async createTag(root, { name, ref, description }) {
      const commit = await client.ask({ path: `${root}/commits/${segment(ref, 'ref')}` });
      const object = commit.text('sha');
      const sha =
        description === ''
          ? object
          : (
              await client.ask({
                method: 'POST',
                path: `${root}/git/tags`,
                json: { tag: name, message: description, object, type: 'commit' },
              })
            ).text('sha');
      await client.ask({ method: 'POST', path: `${root}/git/refs`, json: { ref: `refs/tags/${name}`, sha } });
    },
    tagPath: '/git/refs/tags',
    createMethod: 'PUT',
    deletesBy: 'json',
    // A tree comes whole, up to 100,000 entries.
    treePage: (page) => (page === 1 ? {} : undefined),
    async largeContent(root, sha) {
      const blob = await client.ask({ path: `${root}/git/blobs/${segment(sha, 'sha')}` });
      return textAt(blob.value, 'content').replace(/\s/g, '');
    },
  });
}
