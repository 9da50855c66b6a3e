import assert from 'node:assert/strict';
import { test } from 'node:test';
import { projectId, type ProjectId } from '../../src/domain/ids.ts';
import { issueToken } from '../../src/iam/tokens.ts';
import { insertProject, findProject } from '../../src/store/projects.ts';
import { sign } from './sign.ts';
import { KEY_PAIR, openStage, PASSWORD, type Answer, type Stage } from './stage.ts';

const SECURITY_TOKENS = '/v3.0/OS-CREDENTIAL/securitytokens';
const TOKENS = '/v3/auth/tokens';
const HOUR = 3_600_000;

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** Something that proves who somebody is, and how it was got. */
interface Credential {
  readonly name: string;
  readonly headers: (asked: { method: Method; url: string; body: string }) => Record<string, string>;
  /** The body's part that proves it where a token is asked for. */
  readonly identity: object;
}

const tokenCredential = (name: string, token: string): Credential => ({
  name,
  headers: () => ({ 'x-auth-token': token }),
  identity: { methods: ['token'], token: { id: token } },
});

const keyCredential = (
  name: string,
  now: () => number,
  { access, secret, securityToken }: { access: string; secret: string; securityToken?: string },
): Credential => ({
  name,
  headers: ({ method, url, body }) =>
    sign({
      access,
      secret,
      method,
      url,
      body,
      time: now(),
      headers: securityToken === undefined ? {} : { 'x-security-token': securityToken },
    }),
  identity: {
    methods: ['hw_ak_sk'],
    hw_ak_sk: {
      access: { key: access },
      secret: { key: secret },
      ...(securityToken !== undefined && { security_token: { key: securityToken } }),
    },
  },
});

const ask = (stage: Stage, { headers }: Credential, method: Method, url: string, payload?: object) => {
  const body = payload ? JSON.stringify(payload) : '';
  return stage.send({
    method,
    url,
    headers: { ...headers({ method, url, body }), ...(payload && { 'content-type': 'application/json' }) },
    ...(payload && { payload: body }),
  });
};

/** Whether it is good for one project alone, and for which. */
interface Derived extends Got {
  readonly isForOne: boolean;
  readonly project?: string;
}

interface Got {
  readonly credential: Credential;
  readonly expireTime: number;
}

async function temporaryKeyBy(
  stage: Stage,
  from: Credential,
  now: () => number,
  seconds: number,
): Promise<Got> {
  const identity = { methods: ['token'], token: { duration_seconds: seconds } };
  const answer = await ask(stage, from, 'POST', SECURITY_TOKENS, { auth: { identity } });
  assert.equal(answer.status, 201, `${from.name}: ${answer.raw}`);
  const pair = {
    access: answer.text('credential', 'access'),
    secret: answer.text('credential', 'secret'),
    securityToken: answer.text('credential', 'securitytoken'),
  };
  return {
    credential: keyCredential(`temporary key by ${from.name}`, now, pair),
    expireTime: Date.parse(answer.text('credential', 'expires_at')),
  };
}

const tokenAnswer = (stage: Stage, from: Credential, scope?: object) =>
  stage.send({
    method: 'POST',
    url: TOKENS,
    payload: { auth: { identity: from.identity, ...(scope && { scope }) } },
  });

const tokenOf = (answer: Answer, from: Credential): Got => ({
  credential: tokenCredential(`token by ${from.name}`, String(answer.headers['x-subject-token'])),
  expireTime: Date.parse(answer.text('token', 'expires_at')),
});

async function secondProject(stage: Stage): Promise<ProjectId> {
  const own = await findProject(stage.store.read, stage.project);
  assert.ok(own);
  const id = projectId('5'.repeat(32));
  await stage.store.write((tx) =>
    insertProject(tx, { id, domain: own.domain, name: 'second', createTime: 1 }),
  );
  return id;
}

/** What lasts: one request of each route that changes something of identity, apart from what ends with a key. */
function lastingRequests(stage: Stage): readonly { readonly method: Method; readonly url: string }[] {
  const methods = ['POST', 'PUT', 'PATCH', 'DELETE'] as const;
  return stage.api.routes.flatMap(({ method: given, url, permission = '' }) => {
    const method = methods.find((one) => one === given);
    if (!method || !(permission === 'own' || permission.startsWith('iam:'))) return [];
    if (url === SECURITY_TOKENS || (url === TOKENS && method === 'DELETE')) return [];
    return [{ method, url: url.replaceAll(/:\w+/g, 'unknown') }];
  });
}

/** By every way: those that are got from tokens and keys of every kind. */
async function everyRoot(stage: Stage, now: () => number): Promise<readonly Credential[]> {
  const password = { methods: ['password'], password: { user: { name: 'admin', password: PASSWORD } } };
  const inProject = { project: { id: stage.project } };
  const nobody: Credential = { name: 'password', headers: () => ({}), identity: password };
  const ofProject = tokenOf(await tokenAnswer(stage, nobody, inProject), nobody).credential;
  const ofDomain = tokenOf(await tokenAnswer(stage, nobody), nobody).credential;
  const permanent = keyCredential('permanent key', now, KEY_PAIR);
  return [
    { ...ofProject, name: 'token by password for a project' },
    { ...ofDomain, name: 'token by password for the domain' },
    tokenOf(await tokenAnswer(stage, ofDomain, inProject), ofDomain).credential,
    permanent,
    {
      ...tokenOf(await tokenAnswer(stage, permanent, inProject), permanent).credential,
      name: 'token by permanent key for a project',
    },
    tokenOf(await tokenAnswer(stage, permanent), permanent).credential,
  ];
}

test('what comes from a temporary key, by whatever way, ends with it, stays in its project and makes nothing that lasts', async (t) => {
  let now = Date.now();
  const stage = await openStage(t, { now: () => now });
  const other = await secondProject(stage);
  const lasting = lastingRequests(stage);
  assert.ok(lasting.length >= 11, lasting.map(({ method, url }) => `${method} ${url}`).join(', '));
  const start = now;
  let checked = 0;
  for (const root of await everyRoot(stage, () => now)) {
    now = start;
    const first = await temporaryKeyBy(stage, root, () => now, 1200);
    assert.equal(first.expireTime, start + 1_200_000, root.name);
    now += 300_000;
    // A token for a project gives a key for it; all other roots are for the whole domain.

    const isForOne = /for a project$|^token by token/.test(root.name);
    let layer: readonly Derived[] = [{ ...first, isForOne }];
    const all: Derived[] = [...layer];
    for (let depth = 0; depth < 2; depth += 1) {
      const next: Derived[] = [];
      for (const { credential, isForOne, project } of layer) {
        const own = { isForOne, ...(project !== undefined && { project }) };
        next.push({ ...(await temporaryKeyBy(stage, credential, () => now, 86_400)), ...own });
        for (const scope of [{ project: { id: stage.project } }, undefined, { project: { id: other } }]) {
          const answer = await tokenAnswer(stage, credential, scope);
          if (answer.status === 201)
            next.push({
              ...tokenOf(answer, credential),
              isForOne: scope !== undefined,
              ...(scope && { project: scope.project.id }),
            });
          else assert.ok(isForOne && answer.status === 404, `${credential.name}: ${answer.raw}`);
        }
      }
      layer = next;
      all.push(...next);
    }
    for (const { credential, expireTime, isForOne, project = stage.project } of all) {
      assert.ok(expireTime <= first.expireTime, `${credential.name} ends at ${expireTime}`);
      const seen = await projectsOf(stage, credential);
      assert.deepEqual(seen, isForOne ? [project] : [other, stage.project], credential.name);
      if (isForOne) {
        const stranger = project === other ? stage.project : other;
        const elsewhere = await ask(stage, credential, 'GET', stage.at('/applications', stranger));
        assert.equal(elsewhere.status, 403, `${credential.name}: ${elsewhere.raw}`);
      }
    }
    // The whole list for some of each depth; what decides is the same for all.
    for (const { credential } of [first, ...all.filter((_, index) => index % 4 === 1)]) {
      for (const { method, url } of lasting) {
        const body = method === 'DELETE' ? undefined : bodyFor(url);
        const answer = await ask(stage, credential, method, url, body);
        assert.equal(answer.status, 403, `${method} ${url} by ${credential.name}: ${answer.raw}`);
        assert.match(answer.raw, /temporary key|is missing in the domain/);
        checked += 1;
      }
    }
    now = first.expireTime + 1;
    for (const { credential } of all) {
      const answer = await ask(stage, credential, 'GET', stage.at('/applications'));
      assert.equal(answer.status, 401, `${credential.name}: ${answer.raw}`);
      assert.equal((await tokenAnswer(stage, credential)).status, 401, credential.name);
    }
  }
  t.diagnostic(`${checked} requests for what lasts`);
});

/** Of the right form, so that it is not the body that is refused. */
function bodyFor(url: string): object {
  if (url.endsWith('/password')) return { user: { password: 'another one', original_password: PASSWORD } };
  if (url.startsWith('/v3/users')) return { user: { name: 'mallory', password: 'a long password' } };
  if (url.startsWith('/v3/projects')) return { project: { name: 'local_new' } };
  return { credential: { description: '' } };
}

const projectsOf = async (stage: Stage, credential: Credential): Promise<readonly unknown[]> =>
  (await ask(stage, credential, 'GET', '/v3/auth/projects')).each('projects', 'id');

test('a permanent key, and tokens that no temporary key gave, make what lasts as before, a day long at most', async (t) => {
  const now = Date.now();
  const stage = await openStage(t, { now: () => now });
  for (const [index, root] of (await everyRoot(stage, () => now)).entries()) {
    const made = await ask(stage, root, 'POST', '/v3/users', { user: { name: `made-${index}` } });
    assert.equal(made.status, 201, `${root.name}: ${made.raw}`);
    const credential = { user_id: made.text('user', 'id') };
    const key = await ask(stage, root, 'POST', '/v3.0/OS-CREDENTIAL/credentials', { credential });
    assert.equal(key.status, 201, `${root.name}: ${key.raw}`);
    const longest = await temporaryKeyBy(stage, root, () => now, 86_400);
    assert.equal(longest.expireTime, now + 24 * HOUR, root.name);
  }
});

test('a token of a temporary key is one still after the session was read anew', async (t) => {
  const stage = await openStage(t);
  const user = stage.admin;
  const { token } = await issueToken(
    stage.store,
    { user, project: stage.project, isTemporary: true },
    stage.services.now(),
  );
  const asToken = tokenCredential('token', token);
  const refused = await ask(stage, asToken, 'POST', '/v3/users', { user: { name: 'mallory' } });
  assert.equal(refused.status, 403, refused.raw);
});
