import { Problem } from '../domain/errors.ts';
import { userId, type UserId } from '../domain/ids.ts';
import { isAllowed } from '../domain/permission.ts';
import { hashPassword, NO_PASSWORD } from '../iam/passwords.ts';
import type { Session } from '../iam/session.ts';
import { UniqueViolation } from '../store/faults.ts';
import type { Db, Tx } from '../store/open.ts';
import { unique } from '../store/tables.ts';
import { deleteTemporaryKeysOfUser } from '../store/temporary-keys.ts';
import { deleteTokensOfUser } from '../store/tokens.ts';
import {
  deleteUser,
  findUser,
  insertUser,
  listUsers,
  updateUser,
  type User,
  type UserDetails,
} from '../store/users.ts';
import type { Services } from './caller.ts';
import { assertAdministered } from './identity-rules.ts';

export interface UserRequest {
  readonly name?: string;
  readonly password?: string;
  readonly isEnabled?: boolean;
  readonly details: UserDetails;
}

const LEAST_PASSWORD = 8;

const unknown = (id: UserId) =>
  new Problem('identityUnknown', `Could not find user: ${id}; list the users to see those there are.`);

export async function userOf(db: Db, { domain }: Session, id: UserId): Promise<User> {
  const found = await findUser(db, id);
  if (found?.domain !== domain) throw unknown(id);
  return found;
}

/** By name; whoever may not list them sees themselves. */
export async function usersOf(db: Db, session: Session): Promise<readonly User[]> {
  if (isAllowed(session.grants, 'iam:users:listUsers', undefined)) return listUsers(db, session.domain);
  return [await userOf(db, session, session.user)];
}

/** Without a password nobody can sign in as that user until one is set. */
export async function createUser(
  services: Services,
  session: Session,
  { name = '', password, isEnabled = true, details }: UserRequest,
): Promise<User> {
  const passwordHash = password === undefined ? NO_PASSWORD : await checkedHash(password);
  const id = userId(services.newId().replaceAll('-', ''));
  return named(name, () =>
    services.store.write(async (tx) => {
      const createTime = services.now();
      await insertUser(tx, {
        id,
        domain: session.domain,
        name,
        passwordHash,
        isEnabled,
        createTime,
        details,
      });
      return userOf(tx, session, id);
    }),
  );
}

/** A new password, and a user that is disabled, end all that was got before. */
export async function changeUser(
  services: Services,
  session: Session,
  id: UserId,
  { name, password, isEnabled, details }: UserRequest,
): Promise<User> {
  const passwordHash = password === undefined ? undefined : await checkedHash(password);
  return named(name ?? '', () =>
    services.store.write(async (tx) => {
      await userOf(tx, session, id);
      await updateUser(tx, id, {
        details,
        ...(name !== undefined && { name }),
        ...(passwordHash !== undefined && { passwordHash }),
        ...(isEnabled !== undefined && { isEnabled }),
      });
      if (passwordHash !== undefined || isEnabled === false) await endSessions(tx, id);
      if (isEnabled === false) await assertAdministered(tx, session);
      return userOf(tx, session, id);
    }),
  );
}

export async function removeUser(services: Services, session: Session, id: UserId): Promise<void> {
  await services.store.write(async (tx) => {
    await userOf(tx, session, id);
    await deleteUser(tx, id);
    await assertAdministered(tx, session);
  });
}

/** Tokens and temporary keys: what somebody got by a password or key that counts no more. */
export async function endSessions(tx: Tx, user: UserId): Promise<void> {
  await deleteTokensOfUser(tx, user);
  await deleteTemporaryKeysOfUser(tx, user);
}

function checkedHash(password: string): Promise<string> {
  if (password.length < LEAST_PASSWORD) {
    throw new Problem(
      'invalid',
      `The password is too short; expected at least ${LEAST_PASSWORD} characters.`,
    );
  }
  return hashPassword(password);
}

async function named<T>(name: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof UniqueViolation) || error.constraint !== unique.userName) throw error;
    throw new Problem(
      'identityTaken',
      `A user named "${name}" exists in this domain already; choose another name.`,
      {},
      { cause: error },
    );
  }
}
