import assert from 'node:assert/strict';
import { memberOf } from '../../src/cli/running-platform.ts';
import { textOf } from '../../src/cli/tour/steps.ts';
import type { Gitea } from '../git/gitea.ts';
import { has, items, type Asking } from './asking.ts';
import { consent } from './consent.ts';

const base64 = (text: string) => Buffer.from(text).toString('base64');

/** Every operation of the git API through a client, against a real git server. */
export async function gitRound(asking: Asking, name: string, gitea: Gitea): Promise<void> {
  const byToken = `${name}-token`;
  const byPassword = `${name}-password`;
  const byConsent = `${name}-consent`;
  await authorizations();
  const at = { 'X-Repo-Auth': byToken, namespace: gitea.user, project: name };
  await repository();
  await files();
  await hooks();
  await component();
  for (const one of [byToken, byPassword, byConsent]) await asking.good('DeleteAuthorize', { name: one });

  async function authorizations(): Promise<void> {
    const personal = { name: byToken, token: gitea.token, host: gitea.url };
    const made = await asking.good('CreatePersonalAuth', { repo_type: 'gitlab' }, personal);
    has(memberOf(made, 'authorization'), {
      name: byToken,
      repo_type: 'gitlab',
      repo_user: gitea.user,
      status: 0,
    });
    await asking.refused('400 SVCSTG.REPO.0403', 'CreatePersonalAuth', { repo_type: 'gitlab' }, personal);
    const { user, password } = gitea;
    const second = await asking.good(
      'CreatePasswordAuth',
      { repo_type: 'github' },
      { name: byPassword, user, password },
    );
    has(memberOf(second, 'authorization'), {
      repo_type: 'github',
      token_type: 'password',
      repo_host: gitea.url,
    });
    const { code, state } = await consent(
      gitea,
      textOf(await asking.good('ShowRedirectUrl', { repo_type: 'github' }), 'url'),
    );
    const third = await asking.good('CreateOAuth', { repo_type: 'github' }, { name: byConsent, code, state });
    has(memberOf(third, 'authorization'), { name: byConsent, token_type: 'oauth', repo_user: gitea.user });
    const names = items(await asking.good('ListAuthorizations'), 'authorizations').map((one) =>
      textOf(one, 'name'),
    );
    for (const one of [byToken, byPassword, byConsent]) assert.ok(names.includes(one), one);
  }

  async function repository(): Promise<void> {
    for (const one of [byToken, byPassword, byConsent]) {
      const namespaces = items(await asking.good('ListNamespaces', { 'X-Repo-Auth': one }), 'namespaces');
      assert.ok(namespaces.some((each) => textOf(each, 'name') === gitea.user));
    }
    const { project, ...ofNamespace } = at;
    const clone_url = `${gitea.url}/${gitea.user}/${project}.git`;
    has(await asking.good('CreateProject', ofNamespace, { name: project }), { name: project, clone_url });
    const projects = items(await asking.good('ListProjects', ofNamespace), 'projects');
    assert.ok(projects.some((each) => textOf(each, 'name') === project));
    const detail = await asking.good('ShowProjectDetail', { 'X-Repo-Auth': byToken, clone_url });
    has(detail, { namespace: gitea.user, project });
  }

  async function files(): Promise<void> {
    const file = { ...at, path: 'conf:app.yml', ref: 'main' };
    const first = { message: 'first', content: base64('port: 8080\n') };
    has(await asking.good('CreateFile', file, first), { path: 'conf/app.yml' });
    const shown = await asking.good('ShowContent', file);
    has(shown, { path: 'conf/app.yml', encoding: 'base64', content: base64('port: 8080\n') });
    const change = { message: 'second', content: base64('port: 8081\n'), sha: textOf(shown, 'sha') };
    has(await asking.good('UpdateFile', file, change), { path: 'conf/app.yml' });
    assert.deepEqual(items(await asking.good('ListTrees', { ...at, ref: 'main' }), 'paths'), [
      'conf/app.yml',
    ]);
    const last = await asking.good('ShowContent', file);
    has(last, { content: base64('port: 8081\n') });
    assert.deepEqual(items(await asking.good('ListBranches', at), 'branches'), ['main']);
    assert.equal(items(await asking.good('ListCommits', { ...at, ref: 'main' }), 'commits').length, 2);
    await tag();
    await asking.good('DeleteFile', { ...file, message: 'third', sha: textOf(last, 'sha') });
    await asking.refused('404 SVCSTG.REPO.0404', 'ShowContent', file);
  }

  async function tag(): Promise<void> {
    has(await asking.good('CreateTag', { ...at, ref: 'main' }, { name: 'v1.0', description: 'one' }), {
      name: 'v1.0',
    });
    assert.deepEqual(items(await asking.good('ListTags', at), 'tags'), ['v1.0']);
    await asking.good('DeleteTag', { ...at, tag_name: 'v1.0' });
  }

  async function hooks(): Promise<void> {
    const url = 'http://127.0.0.1:9/elsewhere';
    const hook = await asking.good('CreateHook', at, { url, secret: 'of the hook' });
    has(hook, { callback_url: url, type: 'gitlab' });
    assert.equal(items(await asking.good('ListHooks', at), 'hooks').length, 1);
    await asking.good('DeleteHook', { ...at, hook_id: textOf(hook, 'id') });
  }

  /** A component of source code names its repository and the authorization for it. */
  async function component(): Promise<void> {
    const application_id = textOf(await asking.good('CreateApplication', {}, { name: `${name}-code` }), 'id');
    const spec = {
      repo_type: 'GitLab',
      repo_url: `${gitea.url}/${gitea.user}/${name}.git`,
      repo_ref: 'main',
      repo_auth: byToken,
    };
    const asked = { name: 'code', runtime: 'Nodejs8', category: 'Common', source: { kind: 'code', spec } };
    const build = { parameters: { build_cmd: 'npm ci', node_label_selector: { build: 'yes' } } };
    const made = await asking.good('CreateComponent', { application_id }, { ...asked, build });
    const at = { application_id, component_id: textOf(made, 'id') };
    const shown = await asking.good('ShowComponentDetail', at);
    assert.deepEqual(memberOf(shown, 'source'), asked.source);
    has(memberOf(memberOf(shown, 'build'), 'parameters'), build.parameters);
    await asking.good('DeleteComponent', { ...at, force: true });
    await asking.good('DeleteApplication', { application_id });
  }
}
