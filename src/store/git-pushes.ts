import type { Selectable } from 'kysely';
import {
  instanceId,
  projectId,
  userId,
  type InstanceId,
  type ProjectId,
  type UserId,
} from '../domain/ids.ts';
import type { Db, Tx } from './open.ts';
import type { Tables } from './tables.ts';

/** A push that an instance has yet to follow. A later one takes its place: what is built is the branch as it is then. */
export interface GitPush {
  readonly instance: InstanceId;
  readonly project: ProjectId;
  readonly hook: string;
  readonly user: UserId;
  readonly userName: string;
  /** Of the delivery. */
  readonly request: string;
  readonly branch: string;
  readonly sha: string;
  readonly receiveTime: number;
  /** Rises with every push that was folded into it. */
  readonly number: number;
}

const toPush = (row: Selectable<Tables['git_pushes']>): GitPush => ({
  instance: instanceId(row.instance_id),
  project: projectId(row.project_id),
  hook: row.hook_id,
  user: userId(row.user_id),
  userName: row.user_name,
  request: row.request_id,
  branch: row.branch,
  sha: row.sha,
  receiveTime: row.receive_time,
  number: row.number,
});

export async function putGitPush(tx: Tx, push: Omit<GitPush, 'number'>): Promise<void> {
  const content = {
    project_id: push.project,
    hook_id: push.hook,
    user_id: push.user,
    user_name: push.userName,
    request_id: push.request,
    branch: push.branch,
    sha: push.sha,
    receive_time: push.receiveTime,
  };
  await tx
    .insertInto('git_pushes')
    .values({ instance_id: push.instance, number: 1, ...content })
    .onConflict((on) =>
      on.column('instance_id').doUpdateSet((eb) => ({ ...content, number: eb('git_pushes.number', '+', 1) })),
    )
    .execute();
}

/** The oldest first, after those that were seen. */
export async function listGitPushes(
  db: Db,
  limit: number,
  after?: Pick<GitPush, 'receiveTime' | 'instance'>,
): Promise<readonly GitPush[]> {
  const rows = await db
    .selectFrom('git_pushes')
    .selectAll()
    .$if(after !== undefined, (query) =>
      query.where((eb) =>
        eb.or([
          eb('receive_time', '>', after?.receiveTime ?? 0),
          eb.and([
            eb('receive_time', '=', after?.receiveTime ?? 0),
            eb('instance_id', '>', after?.instance ?? ''),
          ]),
        ]),
      ),
    )
    .orderBy('receive_time')
    .orderBy('instance_id')
    .limit(limit)
    .execute();
  return rows.map(toPush);
}

/** False where it was taken already, or a later push took its place. */
export async function takeGitPush(tx: Tx, { instance, number }: GitPush): Promise<boolean> {
  const { numDeletedRows } = await tx
    .deleteFrom('git_pushes')
    .where('instance_id', '=', instance)
    .where('number', '=', number)
    .executeTakeFirst();
  return numDeletedRows > 0n;
}
