import { projectId, userId, type ProjectId, type UserId } from '../domain/ids.ts';
import type { Tx } from './open.ts';
import { present } from './rows.ts';

/** Somebody was sent to a host's consent page. Only the hash of the state is stored. */
export interface GitConsent {
  readonly stateHash: string;
  readonly project: ProjectId;
  readonly user: UserId;
  readonly repoType: string;
  readonly tag?: string;
  readonly expireTime: number;
}

/** Those that were never used go with it. */
export async function insertGitConsent(tx: Tx, consent: GitConsent, now: number): Promise<void> {
  await tx.deleteFrom('git_consents').where('expire_time', '<', now).execute();
  await tx
    .insertInto('git_consents')
    .values({
      state_hash: consent.stateHash,
      project_id: consent.project,
      user_id: consent.user,
      repo_type: consent.repoType,
      tag: consent.tag ?? null,
      expire_time: consent.expireTime,
    })
    .execute();
}

/** Once only; whoever asks compares time, project, user, type and tag. */
export async function takeGitConsent(tx: Tx, stateHash: string): Promise<GitConsent | undefined> {
  const row = await tx
    .deleteFrom('git_consents')
    .where('state_hash', '=', stateHash)
    .returningAll()
    .executeTakeFirst();
  return (
    row &&
    present({
      stateHash: row.state_hash,
      project: projectId(row.project_id),
      user: userId(row.user_id),
      repoType: row.repo_type,
      tag: row.tag,
      expireTime: row.expire_time,
    })
  );
}
