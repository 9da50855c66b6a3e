import { randomInt } from 'node:crypto';
import { newKeyPair, type KeyPair } from '../domain/access-key.ts';
import { seal } from '../domain/envelope.ts';
import { Problem } from '../domain/errors.ts';
import type { UserId } from '../domain/ids.ts';
import { isAllowed } from '../domain/permission.ts';
import type { Session } from '../iam/session.ts';
import {
  deleteAccessKey,
  findAccessKey,
  insertAccessKey,
  listAccessKeys,
  updateAccessKey,
  type AccessKey,
} from '../store/access-keys.ts';
import type { Db } from '../store/open.ts';
import type { Services } from './caller.ts';
import { assertOwnOr } from './identity-rules.ts';
import { endSessions, userOf } from './users.ts';

const MOST_PER_USER = 2;

const unknown = (access: string) =>
  new Problem('identityUnknown', `Could not find credential: ${access.slice(0, 128)}; list those there are.`);

/** The secret is told here and never again. */
export async function createAccessKey(
  services: Services,
  session: Session,
  { user, description }: { readonly user: UserId; readonly description: string },
): Promise<{ readonly key: AccessKey; readonly pair: KeyPair }> {
  assertOwnOr('iam:credentials:createCredential', session, user);
  const pair = newKeyPair(randomInt);
  const key = {
    access: pair.access,
    user,
    secret: seal(services.key, pair.secret, services.newNonce()),
    description,
    isActive: true,
    createTime: services.now(),
  };
  await services.store.write(async (tx) => {
    await userOf(tx, session, user);
    if ((await listAccessKeys(tx, user)).length >= MOST_PER_USER) {
      throw new Problem(
        'invalid',
        `User ${user} has ${MOST_PER_USER} access keys, which is the most; delete one of them first.`,
      );
    }
    await insertAccessKey(tx, key);
  });
  return { key, pair };
}

export async function accessKeysOf(db: Db, session: Session, user: UserId): Promise<readonly AccessKey[]> {
  assertOwnOr('iam:credentials:listCredentials', session, user);
  await userOf(db, session, user);
  return listAccessKeys(db, user);
}

/** Another user's key is as unknown as one that does not exist, to whoever may not see it. */
export async function accessKeyOf(db: Db, session: Session, access: string): Promise<AccessKey> {
  const found = await findAccessKey(db, access);
  const isSeen =
    found &&
    (found.user === session.user || isAllowed(session.grants, 'iam:credentials:getCredential', undefined));
  if (!isSeen) throw unknown(access);
  await userOf(db, session, found.user);
  return found;
}

/** What was got by a key ends when it is made inactive, or active again. */
export function changeAccessKey(
  services: Services,
  session: Session,
  access: string,
  changes: { readonly description?: string; readonly isActive?: boolean },
): Promise<AccessKey> {
  return services.store.write(async (tx) => {
    const found = await accessKeyOf(tx, session, access);
    assertOwnOr('iam:credentials:updateCredential', session, found.user);
    await updateAccessKey(tx, access, changes);
    if (changes.isActive !== undefined && changes.isActive !== found.isActive)
      await endSessions(tx, found.user);
    return accessKeyOf(tx, session, access);
  });
}

export async function removeAccessKey(services: Services, session: Session, access: string): Promise<void> {
  await services.store.write(async (tx) => {
    const found = await accessKeyOf(tx, session, access);
    assertOwnOr('iam:credentials:deleteCredential', session, found.user);
    await deleteAccessKey(tx, access);
    await endSessions(tx, found.user);
  });
}
