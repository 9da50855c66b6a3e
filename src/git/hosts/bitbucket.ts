import { Problem } from '../../domain/errors.ts';
import { at, textAt } from '../answer.ts';
import { MOST_COMMITS, MOST_RECORDS, type Edit, type GitHost, type Repository } from '../git-host.ts';
import type { HostClient, Question } from '../host-client.ts';
import { pathPart, segment } from '../paths.ts';

/** As deep as a list of files reaches. */
const TREE_DEPTH = 100;
const MOST_FILES = 20_000;

/** Bitbucket Cloud: REST API 2.0. A namespace is a workspace. Files have no hash of their own: their last commit is it. */
export function bitbucketHost(client: HostClient): GitHost {
  const rootOf = ({ namespace, project }: Repository) =>
    `/repositories/${segment(namespace, 'namespace')}/${segment(project.split('/').at(-1) ?? '', 'project')}`;

  /** Each answer names the page after it. */
  const all = async (question: Question, most: number = MOST_RECORDS) => {
    const found: unknown[] = [];
    let answer = await client.ask({ ...question, query: { pagelen: 100, ...question.query } });
    for (;;) {
      found.push(...answer.list('values'));
      const next = textAt(answer.value, 'next');
      if (next === '' || found.length >= most) return found.slice(0, most);
      answer = await client.askAt(next);
    }
  };

  const names = (values: readonly unknown[]) =>
    values.map((value) => textAt(value, 'name')).filter((name) => name !== '');

  const toProject = (value: unknown) => ({
    id: textAt(value, 'slug'),
    name: textAt(value, 'slug'),
    cloneUrl: cloneUrlOf(value),
  });

  const detailAt = async (path: string) => {
    const answer = await client.ask({ path });
    const workspace = answer.text('full_name').split('/')[0] ?? '';
    const { id, name, cloneUrl } = toProject(answer.value);
    return { namespace: { id: workspace, name: workspace }, project: { id, name }, cloneUrl };
  };

  /** Addresses of files take no branch with a slash in it. */
  const commitOf = async (repository: Repository, ref: string) => {
    const root = rootOf(repository);
    const branch = await client.tryAsk({ path: `${root}/refs/branches/${segment(ref, 'ref')}` });
    if (branch.status === 200) return branch.text('target', 'hash');
    return (await client.ask({ path: `${root}/commit/${segment(ref, 'ref')}` })).text('hash');
  };

  const lastCommitOf = async (repository: Repository, path: string, commit: string) => {
    const history = await client.ask({
      path: `${rootOf(repository)}/filehistory/${commit}/${pathPart(path, 'path')}`,
      query: { pagelen: 1 },
    });
    return textAt(history.list('values')[0], 'commit', 'hash');
  };

  const assertUnchanged = async (repository: Repository, { path, branch }: Edit, sha: string) => {
    const head = await commitOf(repository, branch);
    const last = await lastCommitOf(repository, path, head);
    if (last !== sha) {
      throw new Problem(
        'gitInvalid',
        `sha is "${sha.slice(0, 60)}" but the file was last changed by ${last}; read the file again and send its sha.`,
      );
    }
    return head;
  };

  const write = async (
    repository: Repository,
    edit: Edit,
    members: Readonly<Record<string, string | Blob>>,
  ) => {
    pathPart(edit.path, 'path');
    const form = new FormData();
    for (const [name, value] of Object.entries({ ...members, message: edit.message, branch: edit.branch }))
      form.append(name, value);
    await client.ask({ method: 'POST', path: `${rootOf(repository)}/src`, form });
  };
  // A leading slash tells a path from the form's own members.
  const fileMember = (path: string, content: string) => ({
    [`/${path}`]: new Blob([Buffer.from(content, 'base64')]),
  });

  return {
    async account() {
      const answer = await client.ask({ path: '/user' });
      return {
        userName: textAt(answer.value, 'username') || answer.text('nickname'),
        home: textAt(answer.value, 'links', 'html', 'href'),
        avatar: textAt(answer.value, 'links', 'avatar', 'href'),
      };
    },
    async namespaces() {
      const found = await all({ path: '/workspaces' });
      return found.map((one) => ({ id: textAt(one, 'slug'), name: textAt(one, 'slug') }));
    },
    findProject: (path) => detailAt(`/repositories/${pathPart(path, 'clone_url')}`),
    project: (repository) => detailAt(rootOf(repository)),
    async projects(namespace) {
      return (await all({ path: `/repositories/${segment(namespace, 'namespace')}` })).map(toProject);
    },
    async createProject(namespace, name) {
      const path = rootOf({ namespace, project: name.toLowerCase() });
      const json = { scm: 'git', is_private: true };
      return toProject((await client.ask({ method: 'POST', path, json })).value);
    },
    async branches(repository) {
      return names(await all({ path: `${rootOf(repository)}/refs/branches` }));
    },
    async tags(repository) {
      return names(await all({ path: `${rootOf(repository)}/refs/tags` }));
    },
    async createTag(repository, { name, ref, description }) {
      const hash = await commitOf(repository, ref);
      const json = { name, target: { hash }, ...(description !== '' && { message: description }) };
      await client.ask({ method: 'POST', path: `${rootOf(repository)}/refs/tags`, json });
    },
    async deleteTag(repository, name) {
      const path = `${rootOf(repository)}/refs/tags/${segment(name, 'tag_name')}`;
      await client.ask({ method: 'DELETE', path });
    },
    async commits(repository, ref) {
      const root = rootOf(repository);
      const path =
        ref === undefined ? `${root}/commits` : `${root}/commits/${await commitOf(repository, ref)}`;
      return (await all({ path }, MOST_COMMITS)).map((one) => ({
        sha: textAt(one, 'hash'),
        message: textAt(one, 'message'),
        authoredDate: textAt(one, 'date'),
      }));
    },
    async hooks(repository) {
      const found = await all({ path: `${rootOf(repository)}/hooks` });
      return found.map((one) => ({ id: bare(textAt(one, 'uuid')), callbackUrl: textAt(one, 'url') }));
    },
    async createHook(repository, { url, secret }) {
      const json = { description: 'Openstage', url, secret, active: true, events: ['repo:push'] };
      const answer = await client.ask({ method: 'POST', path: `${rootOf(repository)}/hooks`, json });
      return { id: bare(answer.text('uuid')), callbackUrl: url };
    },
    async deleteHook(repository, id) {
      const path = `${rootOf(repository)}/hooks/${segment(`{${bare(id)}}`, 'hook_id')}`;
      await client.ask({ method: 'DELETE', path });
    },
    async tree(repository, ref) {
      const path = `${rootOf(repository)}/src/${await commitOf(repository, ref)}/`;
      const entries = await all({ path, query: { max_depth: TREE_DEPTH } }, MOST_FILES);
      return entries.filter((one) => textAt(one, 'type') === 'commit_file').map((one) => textAt(one, 'path'));
    },
    async file(repository, path, ref) {
      const commit = await commitOf(repository, ref);
      const answer = await client.ask({
        path: `${rootOf(repository)}/src/${commit}/${pathPart(path, 'path')}`,
      });
      const sha = await lastCommitOf(repository, path, commit);
      return { path, sha, content: answer.bytes.toString('base64') };
    },
    async createFile(repository, edit, content) {
      const head = await client.tryAsk({
        path: `${rootOf(repository)}/refs/branches/${segment(edit.branch, 'ref')}`,
      });
      if (head.status === 200) await assertAbsent(repository, edit.path, head.text('target', 'hash'));
      await write(repository, edit, fileMember(edit.path, content));
    },
    async updateFile(repository, edit, { content, sha }) {
      const parents = await assertUnchanged(repository, edit, sha);
      await write(repository, edit, { parents, ...fileMember(edit.path, content) });
    },
    async deleteFile(repository, edit, sha) {
      const parents = await assertUnchanged(repository, edit, sha);
      await write(repository, edit, { parents, files: edit.path });
    },
  };

  async function assertAbsent(repository: Repository, path: string, commit: string): Promise<void> {
    const found = await client.tryAsk({
      path: `${rootOf(repository)}/src/${commit}/${pathPart(path, 'path')}`,
      query: { format: 'meta' },
    });
    if (found.status !== 200) return;
    throw new Problem(
      'gitNameTaken',
      `The file "${path.slice(0, 200)}" exists on that branch already; change it with PUT.`,
    );
  }
}

/** Ids in braces would have to be encoded by every client. */
const bare = (uuid: string) => uuid.replace(/^\{|\}$/g, '');

/** Without the user that the host puts into it. */
function cloneUrlOf(value: unknown): string {
  const links = at(value, 'links', 'clone');
  const found = Array.isArray(links) ? links.find((one) => textAt(one, 'name') === 'https') : undefined;
  return textAt(found, 'href').replace(/^(https?:\/\/)[^/@]*@/, '$1');
}
