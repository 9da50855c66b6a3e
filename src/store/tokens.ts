import { projectId, userId, type ProjectId, type UserId } from '../domain/ids.ts';
import type { Db, Tx } from './open.ts';
import { present } from './rows.ts';

/** Only the hash of a token is stored, so that a stolen database opens nothing. */
export interface StoredToken {
  readonly hash: string;
  readonly user: UserId;
  /** Absent: the whole domain. */
  readonly project?: ProjectId;
  readonly issueTime: number;
  readonly expireTime: number;
  /** How it was got: "password", "token", "hw_ak_sk"; more than one where the one was got by the other. */
  readonly methods: readonly string[];
  /** It was got by a temporary key, directly or by another token. */
  readonly isTemporary?: boolean;
}

export async function insertToken(tx: Tx, token: StoredToken): Promise<void> {
  await tx
    .insertInto('tokens')
    .values({
      hash: token.hash,
      user_id: token.user,
      project_id: token.project ?? null,
      issue_time: token.issueTime,
      expire_time: token.expireTime,
      methods: token.methods.join(','),
      temporary: token.isTemporary === true ? 1 : 0,
    })
    .execute();
}

/** Also one that has expired; whoever asks compares the time. */
export async function findToken(db: Db, hash: string): Promise<StoredToken | undefined> {
  const row = await db.selectFrom('tokens').selectAll().where('hash', '=', hash).executeTakeFirst();
  return (
    row &&
    present({
      hash: row.hash,
      user: userId(row.user_id),
      project: row.project_id === null ? null : projectId(row.project_id),
      issueTime: row.issue_time,
      expireTime: row.expire_time,
      methods: row.methods.split(','),
      isTemporary: row.temporary === 1 ? true : null,
    })
  );
}

export async function deleteToken(tx: Tx, hash: string): Promise<void> {
  await tx.deleteFrom('tokens').where('hash', '=', hash).execute();
}

/** After a new password, or when a user is disabled. */
export async function deleteTokensOfUser(tx: Tx, user: UserId): Promise<void> {
  await tx.deleteFrom('tokens').where('user_id', '=', user).execute();
}

export async function deleteTokensExpiredBefore(tx: Tx, time: number): Promise<number> {
  const { numDeletedRows } = await tx.deleteFrom('tokens').where('expire_time', '<', time).executeTakeFirst();
  return Number(numDeletedRows);
}
