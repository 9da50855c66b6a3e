import type { Envelope } from '../domain/envelope.ts';
import { projectId, userId, type ProjectId, type UserId } from '../domain/ids.ts';
import { parseSecret } from './access-keys.ts';
import type { Db, Tx } from './open.ts';
import { present } from './rows.ts';

/** A pair of access key and secret that is good for a while, together with a security token. */
export interface TemporaryKey {
  readonly access: string;
  readonly user: UserId;
  /** Absent: every project that its user may use. */
  readonly project?: ProjectId;
  readonly secret: Envelope;
  /** Of its security token. */
  readonly tokenHash: string;
  readonly issueTime: number;
  readonly expireTime: number;
}

export async function insertTemporaryKey(tx: Tx, key: TemporaryKey): Promise<void> {
  await tx
    .insertInto('temporary_keys')
    .values({
      access: key.access,
      user_id: key.user,
      project_id: key.project ?? null,
      secret_json: JSON.stringify(key.secret),
      token_hash: key.tokenHash,
      issue_time: key.issueTime,
      expire_time: key.expireTime,
    })
    .execute();
}

/** Also one that has expired; whoever asks compares the time. */
export async function findTemporaryKey(db: Db, access: string): Promise<TemporaryKey | undefined> {
  const row = await db
    .selectFrom('temporary_keys')
    .selectAll()
    .where('access', '=', access)
    .executeTakeFirst();
  return (
    row &&
    present({
      access: row.access,
      user: userId(row.user_id),
      project: row.project_id === null ? null : projectId(row.project_id),
      secret: parseSecret(row.secret_json, 'temporary_keys.secret_json'),
      tokenHash: row.token_hash,
      issueTime: row.issue_time,
      expireTime: row.expire_time,
    })
  );
}

export async function deleteTemporaryKeysOfUser(tx: Tx, user: UserId): Promise<void> {
  await tx.deleteFrom('temporary_keys').where('user_id', '=', user).execute();
}

export async function deleteTemporaryKeysExpiredBefore(tx: Tx, time: number): Promise<number> {
  const { numDeletedRows } = await tx
    .deleteFrom('temporary_keys')
    .where('expire_time', '<', time)
    .executeTakeFirst();
  return Number(numDeletedRows);
}
