import type { Selectable } from 'kysely';
import type { Envelope } from '../domain/envelope.ts';
import { userId, type UserId } from '../domain/ids.ts';
import { isShape, parseJson } from './json.ts';
import type { Db, Tx } from './open.ts';
import { given, present } from './rows.ts';
import type { Tables } from './tables.ts';

/** A permanent pair of access key and secret. */
export interface AccessKey {
  readonly access: string;
  readonly user: UserId;
  readonly secret: Envelope;
  readonly description: string;
  readonly isActive: boolean;
  readonly createTime: number;
  readonly lastUseTime?: number;
}

export const parseSecret = (text: string, column: string): Envelope =>
  parseJson(text, column, isShape<Envelope>({ keyId: 'string', nonce: 'string', data: 'string' }));

const toAccessKey = (row: Selectable<Tables['access_keys']>): AccessKey =>
  present({
    access: row.access,
    user: userId(row.user_id),
    secret: parseSecret(row.secret_json, 'access_keys.secret_json'),
    description: row.description,
    isActive: row.active === 1,
    createTime: row.create_time,
    lastUseTime: row.last_use_time,
  });

export async function insertAccessKey(tx: Tx, key: AccessKey): Promise<void> {
  await tx
    .insertInto('access_keys')
    .values({
      access: key.access,
      user_id: key.user,
      secret_json: JSON.stringify(key.secret),
      description: key.description,
      active: key.isActive ? 1 : 0,
      create_time: key.createTime,
      last_use_time: key.lastUseTime ?? null,
    })
    .execute();
}

export async function findAccessKey(db: Db, access: string): Promise<AccessKey | undefined> {
  const row = await db.selectFrom('access_keys').selectAll().where('access', '=', access).executeTakeFirst();
  return row && toAccessKey(row);
}

/** The oldest first. */
export async function listAccessKeys(db: Db, user: UserId): Promise<readonly AccessKey[]> {
  const rows = await db
    .selectFrom('access_keys')
    .selectAll()
    .where('user_id', '=', user)
    .orderBy('create_time')
    .orderBy('access')
    .execute();
  return rows.map(toAccessKey);
}

export async function updateAccessKey(
  tx: Tx,
  access: string,
  changes: { readonly description?: string; readonly isActive?: boolean; readonly lastUseTime?: number },
): Promise<void> {
  const { isActive } = changes;
  const columns = given({
    description: changes.description,
    active: isActive === undefined ? undefined : isActive ? 1 : 0,
    last_use_time: changes.lastUseTime,
  });
  if (Object.keys(columns).length === 0) return;
  await tx.updateTable('access_keys').set(columns).where('access', '=', access).execute();
}

export async function deleteAccessKey(tx: Tx, access: string): Promise<void> {
  await tx.deleteFrom('access_keys').where('access', '=', access).execute();
}
