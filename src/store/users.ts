import type { Selectable } from 'kysely';
import { domainId, userId, type DomainId, type UserId } from '../domain/ids.ts';
import type { Db, Tx } from './open.ts';
import { given, present } from './rows.ts';
import type { Tables } from './tables.ts';

export interface User {
  readonly id: UserId;
  readonly domain: DomainId;
  readonly name: string;
  /** With its parameters and salt; never the password. */
  readonly passwordHash: string;
  readonly isEnabled: boolean;
  readonly createTime: number;
  readonly details: UserDetails;
}

/** What a user's card tells beside name and password; none of it has a meaning to the platform. */
export interface UserDetails {
  readonly description?: string;
  readonly defaultProject?: string;
  readonly email?: string;
  readonly areaCode?: string;
  readonly phone?: string;
  readonly accessMode?: string;
}

const toUser = (row: Selectable<Tables['users']>): User => ({
  id: userId(row.id),
  domain: domainId(row.domain_id),
  name: row.name,
  passwordHash: row.password_hash,
  isEnabled: row.enabled === 1,
  createTime: row.create_time,
  details: present({
    description: row.description,
    defaultProject: row.default_project_id,
    email: row.email,
    areaCode: row.area_code,
    phone: row.phone,
    accessMode: row.access_mode,
  }),
});

const detailColumns = ({ description, defaultProject, email, areaCode, phone, accessMode }: UserDetails) =>
  given({
    description,
    default_project_id: defaultProject,
    email,
    area_code: areaCode,
    phone,
    access_mode: accessMode,
  });

/** A name that is taken is a UniqueViolation of `unique.userName`. */
export async function insertUser(
  tx: Tx,
  user: Omit<User, 'details'> & { readonly details?: UserDetails },
): Promise<void> {
  await tx
    .insertInto('users')
    .values({
      id: user.id,
      domain_id: user.domain,
      name: user.name,
      password_hash: user.passwordHash,
      enabled: user.isEnabled ? 1 : 0,
      create_time: user.createTime,
      ...detailColumns(user.details ?? {}),
    })
    .execute();
}

export async function findUser(db: Db, id: UserId): Promise<User | undefined> {
  const row = await db.selectFrom('users').selectAll().where('id', '=', id).executeTakeFirst();
  return row && toUser(row);
}

export async function findUserByName(db: Db, domain: DomainId, name: string): Promise<User | undefined> {
  const row = await db
    .selectFrom('users')
    .selectAll()
    .where('domain_id', '=', domain)
    .where('name', '=', name)
    .executeTakeFirst();
  return row && toUser(row);
}

/** By name. */
export async function listUsers(db: Db, domain: DomainId): Promise<readonly User[]> {
  const rows = await db
    .selectFrom('users')
    .selectAll()
    .where('domain_id', '=', domain)
    .orderBy('name')
    .execute();
  return rows.map(toUser);
}

export async function updateUser(
  tx: Tx,
  id: UserId,
  changes: {
    readonly name?: string;
    readonly passwordHash?: string;
    readonly isEnabled?: boolean;
    readonly details?: UserDetails;
  },
): Promise<void> {
  const { isEnabled, details } = changes;
  const columns = given({
    ...(details && detailColumns(details)),
    name: changes.name,
    password_hash: changes.passwordHash,
    enabled: isEnabled === undefined ? undefined : isEnabled ? 1 : 0,
  });
  if (Object.keys(columns).length === 0) return;
  await tx.updateTable('users').set(columns).where('id', '=', id).execute();
}

/** With its tokens, keys and roles. */
export async function deleteUser(tx: Tx, id: UserId): Promise<void> {
  await tx.deleteFrom('users').where('id', '=', id).execute();
}
