import { textAt } from '../answer.ts';
import { MOST_COMMITS, type Edit, type GitHost, type Project, type Repository } from '../git-host.ts';
import type { HostClient } from '../host-client.ts';
import { allPages } from '../pages.ts';
import { segment } from '../paths.ts';

const isId = (text: string) => /^\d+$/.test(text);

/** Deep groups: a repository of a large one has thousands of files. */
const MOST_FILES = 20_000;

/** GitLab: REST API v4. Namespaces may be nested ("group/team"), and ids are numbers. */
export function gitlabHost(client: HostClient): GitHost {
  const pageSize = { per_page: 100 };

  const namespaceOf = async (namespace: string) =>
    client.ask({ path: `/namespaces/${segment(namespace, 'namespace')}` });

  /** By number, or by the whole path in one segment. */
  const rootOf = async ({ namespace, project }: Repository) => {
    if (isId(project)) return `/projects/${project}`;
    const isWhole = project.includes('/');
    const parent = !isWhole && isId(namespace) ? (await namespaceOf(namespace)).text('full_path') : namespace;
    return `/projects/${segment(isWhole ? project : `${parent}/${project}`, 'project')}`;
  };

  const detailAt = async (path: string) => {
    const answer = await client.ask({ path });
    return {
      namespace: { id: answer.text('namespace', 'id'), name: answer.text('namespace', 'full_path') },
      project: { id: answer.text('id'), name: answer.text('path') },
      cloneUrl: textAt(answer.value, 'http_url_to_repo'),
    };
  };

  const toProject = (value: unknown): Project => ({
    id: textAt(value, 'id'),
    name: textAt(value, 'path'),
    cloneUrl: textAt(value, 'http_url_to_repo'),
  });

  const names = (values: readonly unknown[]) =>
    values.map((value) => textAt(value, 'name')).filter((name) => name !== '');

  const filePath = async (repository: Repository, path: string) =>
    `${await rootOf(repository)}/repository/files/${segment(path, 'path')}`;

  const edited = ({ branch, message }: Edit) => ({ branch, commit_message: message });

  return {
    async account() {
      const answer = await client.ask({ path: '/user' });
      return {
        userName: answer.text('username'),
        home: textAt(answer.value, 'web_url'),
        avatar: textAt(answer.value, 'avatar_url'),
      };
    },
    async namespaces() {
      const found = await allPages(client, { path: '/namespaces', query: pageSize });
      return found.map((one) => ({ id: textAt(one, 'id'), name: textAt(one, 'full_path') }));
    },
    findProject: (path) => detailAt(`/projects/${segment(path, 'clone_url')}`),
    project: async (repository) => detailAt(await rootOf(repository)),
    async projects(namespace) {
      const found = await namespaceOf(namespace);
      const path =
        textAt(found.value, 'kind') === 'user'
          ? `/users/${segment(found.text('path'), 'namespace')}/projects`
          : `/groups/${segment(found.text('full_path'), 'namespace')}/projects`;
      return (await allPages(client, { path, query: pageSize })).map(toProject);
    },
    async createProject(namespace, name) {
      const parent = await namespaceOf(namespace);
      const json = { name, path: name, namespace_id: Number(parent.text('id')), visibility: 'private' };
      return toProject((await client.ask({ method: 'POST', path: '/projects', json })).value);
    },
    async branches(repository) {
      const path = `${await rootOf(repository)}/repository/branches`;
      return names(await allPages(client, { path, query: pageSize }));
    },
    async tags(repository) {
      const path = `${await rootOf(repository)}/repository/tags`;
      return names(await allPages(client, { path, query: pageSize }));
    },
    async createTag(repository, { name, ref, description }) {
      const json = { tag_name: name, ref, ...(description !== '' && { message: description }) };
      await client.ask({ method: 'POST', path: `${await rootOf(repository)}/repository/tags`, json });
    },
    async deleteTag(repository, name) {
      const path = `${await rootOf(repository)}/repository/tags/${segment(name, 'tag_name')}`;
      await client.ask({ method: 'DELETE', path });
    },
    async commits(repository, ref) {
      const path = `${await rootOf(repository)}/repository/commits`;
      const query = { ...pageSize, ref_name: ref };
      return (await allPages(client, { path, query }, MOST_COMMITS)).map((one) => ({
        sha: textAt(one, 'id'),
        message: textAt(one, 'message'),
        authoredDate: textAt(one, 'authored_date'),
      }));
    },
    async hooks(repository) {
      const found = await allPages(client, { path: `${await rootOf(repository)}/hooks`, query: pageSize });
      return found.map((one) => ({ id: textAt(one, 'id'), callbackUrl: textAt(one, 'url') }));
    },
    async createHook(repository, { url, secret }) {
      const json = { url, token: secret, push_events: true, enable_ssl_verification: true };
      const answer = await client.ask({ method: 'POST', path: `${await rootOf(repository)}/hooks`, json });
      return { id: answer.text('id'), callbackUrl: url };
    },
    async deleteHook(repository, id) {
      const path = `${await rootOf(repository)}/hooks/${segment(id, 'hook_id')}`;
      await client.ask({ method: 'DELETE', path });
    },
    async tree(repository, ref) {
      const path = `${await rootOf(repository)}/repository/tree`;
      const query = { ...pageSize, ref, recursive: 'true' };
      const entries = await allPages(client, { path, query }, MOST_FILES);
      return entries.filter((one) => textAt(one, 'type') === 'blob').map((one) => textAt(one, 'path'));
    },
    async file(repository, path, ref) {
      const answer = await client.ask({ path: await filePath(repository, path), query: { ref } });
      return {
        path: textAt(answer.value, 'file_path') || path,
        // What its API compares before it writes.
        sha: answer.text('last_commit_id'),
        content: textAt(answer.value, 'content'),
      };
    },
    async createFile(repository, edit, content) {
      const json = { ...edited(edit), content, encoding: 'base64' };
      await client.ask({ method: 'POST', path: await filePath(repository, edit.path), json });
    },
    async updateFile(repository, edit, { content, sha }) {
      const json = { ...edited(edit), content, encoding: 'base64', last_commit_id: sha };
      await client.ask({ method: 'PUT', path: await filePath(repository, edit.path), json });
    },
    async deleteFile(repository, edit, sha) {
      const json = { ...edited(edit), last_commit_id: sha };
      await client.ask({ method: 'DELETE', path: await filePath(repository, edit.path), json });
    },
  };
}
