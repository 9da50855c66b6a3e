import { HostAnswer, textAt } from '../answer.ts';
import type {
  Account,
  Commit,
  FileContent,
  GitHost,
  Hook,
  Named,
  Project,
  ProjectDetail,
  Repository,
} from '../git-host.ts';
import { MOST_COMMITS } from '../git-host.ts';
import type { HostClient } from '../host-client.ts';
import { allPages } from '../pages.ts';
import { pathPart, segment } from '../paths.ts';

/** Where hosts whose repositories belong to owners, by "/repos/{owner}/{repository}", differ. */
export interface Ways {
  /** How a page's size is asked for. */
  readonly pageSize: Readonly<Record<string, number>>;
  /** Beside the user's own name. */
  readonly otherNamespaces: () => Promise<readonly Named[]>;
  /** The last part of a repository's address. */
  readonly nameOf: (repository: unknown) => string;
  readonly cloneUrlOf: (repository: unknown) => string;
  readonly hookUrlOf: (hook: unknown) => string;
  readonly newHook: (hook: { readonly url: string; readonly secret: string }) => object;
  readonly createTag: (
    root: string,
    tag: { readonly name: string; readonly ref: string; readonly description: string },
  ) => Promise<void>;
  /** Below a repository, before the tag's name. */
  readonly tagPath: string;
  readonly createMethod: 'POST' | 'PUT';
  /** Whether a deletion tells its members in a body or in the address. */
  readonly deletesBy: 'json' | 'query';
  /** A page of a tree; undefined where there is no other page. */
  readonly treePage: (page: number) => Readonly<Record<string, string | number>> | undefined;
  /** The bytes of a file, in base64, where the answer about it holds none. */
  readonly largeContent?: (root: string, sha: string) => Promise<string>;
}

const MOST_TREE_PAGES = 20;

/** GitHub, and what followed its ways: Gitee, Gitea, Forgejo. Names are the ids, so that either may be given. */
export function ownersHost(client: HostClient, userName: string, ways: Ways): GitHost {
  const rootOf = ({ namespace, project }: Repository) =>
    `/repos/${segment(namespace, 'namespace')}/${segment(project.split('/').at(-1) ?? '', 'project')}`;

  const toProject = (value: unknown): Project => ({
    id: ways.nameOf(value),
    name: ways.nameOf(value),
    cloneUrl: ways.cloneUrlOf(value),
  });

  const ownersOf = (value: unknown) => textAt(value, 'full_name').split('/')[0] ?? '';

  const detailAt = async (path: string): Promise<ProjectDetail> => {
    const { value } = await client.ask({ path });
    const owner = ownersOf(value);
    const name = ways.nameOf(value);
    return {
      namespace: { id: owner, name: owner },
      project: { id: name, name },
      cloneUrl: ways.cloneUrlOf(value),
    };
  };

  const listProjects = async (namespace: string): Promise<readonly unknown[]> => {
    const query = ways.pageSize;
    if (isOwn(namespace)) {
      const mine = await allPages(client, { path: '/user/repos', query });
      return mine.filter((one) => ownersOf(one).toLowerCase() === namespace.toLowerCase());
    }
    const owner = segment(namespace, 'namespace');
    const organization = await client.tryAsk({ path: `/orgs/${owner}` });
    const path = organization.status === 404 ? `/users/${owner}/repos` : `/orgs/${owner}/repos`;
    return allPages(client, { path, query });
  };

  const isOwn = (namespace: string) => namespace.toLowerCase() === userName.toLowerCase();
  const names = (values: readonly unknown[]) =>
    values.map((value) => textAt(value, 'name')).filter((name) => name !== '');

  const contents = (repository: Repository, path: string) =>
    `${rootOf(repository)}/contents/${pathPart(path, 'path')}`;

  return {
    async account(): Promise<Account> {
      const answer = await client.ask({ path: '/user' });
      return {
        userName: answer.text('login'),
        home: textAt(answer.value, 'html_url'),
        avatar: textAt(answer.value, 'avatar_url'),
      };
    },
    async namespaces() {
      return [{ id: userName, name: userName }, ...(await ways.otherNamespaces())];
    },
    findProject: (path) => detailAt(`/repos/${pathPart(path, 'clone_url')}`),
    project: (repository) => detailAt(rootOf(repository)),
    async projects(namespace) {
      return (await listProjects(namespace)).map(toProject);
    },
    async createProject(namespace, name) {
      const path = isOwn(namespace) ? '/user/repos' : `/orgs/${segment(namespace, 'namespace')}/repos`;
      const answer = await client.ask({ method: 'POST', path, json: { name, private: true } });
      return toProject(answer.value);
    },
    async branches(repository) {
      return names(await allPages(client, { path: `${rootOf(repository)}/branches`, query: ways.pageSize }));
    },
    async tags(repository) {
      return names(await allPages(client, { path: `${rootOf(repository)}/tags`, query: ways.pageSize }));
    },
    createTag: (repository, tag) => ways.createTag(rootOf(repository), tag),
    async deleteTag(repository, name) {
      const path = `${rootOf(repository)}${ways.tagPath}/${pathPart(name, 'tag_name')}`;
      await client.ask({ method: 'DELETE', path });
    },
    async commits(repository, ref): Promise<readonly Commit[]> {
      const query = { ...ways.pageSize, sha: ref };
      const path = `${rootOf(repository)}/commits`;
      return (await allPages(client, { path, query }, MOST_COMMITS)).map((one) => ({
        sha: textAt(one, 'sha'),
        message: textAt(one, 'commit', 'message'),
        authoredDate: textAt(one, 'commit', 'author', 'date'),
      }));
    },
    async hooks(repository): Promise<readonly Hook[]> {
      const found = await allPages(client, { path: `${rootOf(repository)}/hooks`, query: ways.pageSize });
      return found.map((one) => ({ id: textAt(one, 'id'), callbackUrl: ways.hookUrlOf(one) }));
    },
    async createHook(repository, hook): Promise<Hook> {
      const path = `${rootOf(repository)}/hooks`;
      const answer = await client.ask({ method: 'POST', path, json: ways.newHook(hook) });
      return { id: answer.text('id'), callbackUrl: hook.url };
    },
    async deleteHook(repository, id) {
      await client.ask({ method: 'DELETE', path: `${rootOf(repository)}/hooks/${segment(id, 'hook_id')}` });
    },
    async tree(repository, ref) {
      const path = `${rootOf(repository)}/git/trees/${segment(ref, 'ref')}`;
      const files: string[] = [];
      for (let page = 1; page <= MOST_TREE_PAGES; page++) {
        const query = ways.treePage(page);
        if (!query) break;
        const answer = await client.ask({ path, query: { recursive: 1, ...query } });
        const entries = answer.list('tree');
        files.push(
          ...entries.filter((one) => textAt(one, 'type') === 'blob').map((one) => textAt(one, 'path')),
        );
        if (entries.length === 0 || !isCut(answer)) return files;
      }
      return files;
    },
    async file(repository, path, ref): Promise<FileContent> {
      const answer = await client.ask({ path: contents(repository, path), query: { ref } });
      const sha = answer.text('sha');
      const isWhole = textAt(answer.value, 'encoding') === 'base64';
      const content = isWhole
        ? textAt(answer.value, 'content').replace(/\s/g, '')
        : ((await ways.largeContent?.(rootOf(repository), sha)) ?? '');
      return { path: textAt(answer.value, 'path') || path, sha, content };
    },
    async createFile(repository, { path, branch, message }, content) {
      const json = { branch, message, content };
      await client.ask({ method: ways.createMethod, path: contents(repository, path), json });
    },
    async updateFile(repository, { path, branch, message }, { content, sha }) {
      const json = { branch, message, content, sha };
      await client.ask({ method: 'PUT', path: contents(repository, path), json });
    },
    async deleteFile(repository, { path, branch, message }, sha) {
      const members = { branch, message, sha };
      const sent = ways.deletesBy === 'json' ? { json: members } : { query: members };
      await client.ask({ method: 'DELETE', path: contents(repository, path), ...sent });
    },
  };
}

const isCut = (answer: HostAnswer) =>
  typeof answer.value === 'object' &&
  answer.value !== null &&
  'truncated' in answer.value &&
  answer.value.truncated === true;
