import { randomBytes, randomUUID } from 'node:crypto';
import { seal } from '../../src/domain/envelope.ts';
import { userId, type UserId } from '../../src/domain/ids.ts';
import { roleNames, type RoleName } from '../../src/domain/permission.ts';
import { hashToken, issueToken } from '../../src/iam/tokens.ts';
import { insertAccessKey } from '../../src/store/access-keys.ts';
import { findProject } from '../../src/store/projects.ts';
import { grantRole } from '../../src/store/role-assignments.ts';
import { insertTemporaryKey } from '../../src/store/temporary-keys.ts';
import { insertToken } from '../../src/store/tokens.ts';
import { insertUser, updateUser } from '../../src/store/users.ts';
import { sign } from './sign.ts';
import type { Stage } from './stage.ts';

/** What a request is that a caller proves itself for. */
export interface Asked {
  readonly method: string;
  readonly url: string;
  readonly body: string;
}

export interface Caller {
  readonly name: string;
  /** Absent: a stranger to the stage's project. */
  readonly role?: RoleName;
  /** Where the role counts: in the stage's project, or in the domain as such. */
  readonly scope: 'project' | 'domain';
  /** Whether anybody knows who it is. */
  readonly isKnown: boolean;
  readonly headers: (asked: Asked) => Readonly<Record<string, string>>;
}

const SECRET = 'a secret of forty characters, more or less';

async function newUser(stage: Stage, name: string, role?: RoleName): Promise<UserId> {
  const own = await findProject(stage.store.read, stage.project);
  if (!own) throw new Error('The stage has lost its project.');
  const id = userId(randomUUID().replaceAll('-', ''));
  await stage.store.write(async (tx) => {
    const passwordHash = 'scrypt$2$1$1$AA==$AA==';
    const user = { id, domain: own.domain, name: `${name}-${id}`, passwordHash, isEnabled: true };
    await insertUser(tx, { ...user, createTime: 1 });
    if (role) await grantRole(tx, id, { project: stage.project }, role, 1);
  });
  return id;
}

async function newToken(stage: Stage, user: UserId, scope: object = { project: stage.project }) {
  const { token } = await issueToken(stage.store, { user, ...scope }, stage.services.now());
  return () => ({ 'x-auth-token': token });
}

async function newKey(stage: Stage, user: UserId, isActive = true) {
  const access = `AK${randomUUID().replaceAll('-', '').slice(0, 18).toUpperCase()}`;
  await stage.store.write((tx) =>
    insertAccessKey(tx, {
      access,
      user,
      secret: seal(stage.services.key, SECRET, randomBytes(12)),
      description: '',
      isActive,
      createTime: 1,
    }),
  );
  return signedWith(access, SECRET);
}

const signedWith =
  (access: string, secret: string, headers: Readonly<Record<string, string>> = {}) =>
  ({ method, url, body }: Asked) =>
    sign({ access, secret, method, url, body, headers });

/** Every kind of caller that there is, strangers first. */
export async function everyCaller(stage: Stage): Promise<readonly Caller[]> {
  const expired = async () => {
    const times = { issueTime: 1, expireTime: 2 };
    const owner = { user: stage.admin, project: stage.project, methods: ['password'] };
    await stage.store.write((tx) => insertToken(tx, { hash: hashToken('gone-by'), ...owner, ...times }));
    return () => ({ 'x-auth-token': 'gone-by' });
  };
  const disabled = await newUser(stage, 'disabled', 'te_admin');
  const ofDisabled = { token: await newToken(stage, disabled), key: await newKey(stage, disabled) };
  await stage.store.write((tx) => updateUser(tx, disabled, { isEnabled: false }));
  const nobody = await newUser(stage, 'nobody');
  const { token: neighbour } = await stage.neighbour();

  const stranger = (name: string, headers: Caller['headers']): Caller => ({
    name,
    scope: 'project',
    isKnown: false,
    headers,
  });
  const foreigner = (name: string, headers: Caller['headers']): Caller => ({
    name,
    scope: 'project',
    isKnown: true,
    headers,
  });
  const callers: Caller[] = [
    stranger('nothing', () => ({})),
    stranger('an empty token', () => ({ 'x-auth-token': '' })),
    stranger('garbage as token', () => ({ 'x-auth-token': '{}; drop table tokens' })),
    stranger('an expired token', await expired()),
    stranger("a disabled user's token", ofDisabled.token),
    stranger('an unknown key', signedWith('AKNOBODY000000000000', SECRET)),
    stranger("a disabled user's key", ofDisabled.key),
    stranger('an inactive key', await newKey(stage, stage.admin, false)),
    foreigner("another project's token", () => ({ 'x-auth-token': neighbour })),
    {
      name: "an administrator's token for the domain",
      role: 'te_admin',
      scope: 'domain',
      isKnown: true,
      headers: await newToken(stage, stage.admin, {}),
    },
    foreigner('a token of somebody without a role', await newToken(stage, nobody)),
    foreigner('a key of somebody without a role', await newKey(stage, nobody)),
  ];
  for (const role of roleNames) {
    const user = await newUser(stage, role, role);
    const access = `AKTEMPORARY${role}`;
    const times = { issueTime: stage.services.now(), expireTime: stage.services.now() + 3_600_000 };
    const secret = seal(stage.services.key, SECRET, randomBytes(12));
    const owned = { access, user, secret, tokenHash: hashToken(`security-${role}`), ...times };
    await stage.store.write((tx) => insertTemporaryKey(tx, owned));
    const insider = (name: string, headers: Caller['headers']): Caller => ({
      name: `${name} with ${role}`,
      role,
      scope: 'project',
      isKnown: true,
      headers,
    });
    callers.push(
      insider('a token', await newToken(stage, user)),
      insider('a key', await newKey(stage, user)),
      insider('a temporary key', signedWith(access, SECRET, { 'x-security-token': `security-${role}` })),
    );
  }
  return callers;
}
