import type { Selectable } from 'kysely';
import type { Envelope } from '../domain/envelope.ts';
import { hostApis, type HostApi } from '../domain/git.ts';
import { projectId, userId, type ProjectId, type UserId } from '../domain/ids.ts';
import { isListOf, isShape, parseJson } from './json.ts';
import type { Db, Tx } from './open.ts';
import { oneOf, present } from './rows.ts';
import type { Tables } from './tables.ts';

/** A hook of a git host that leads to this platform. */
export interface GitHook {
  readonly project: ProjectId;
  /** The last part of its address, which its maker chose. */
  readonly id: string;
  /** By whose rule its deliveries are signed. */
  readonly api: HostApi;
  readonly host: string;
  /** Of the repository below its host. */
  readonly path: string;
  /** domain repositoryKey of every address that the repository is known by. */
  readonly repositories: readonly string[];
  readonly secret: Envelope;
  /** Its id at the host; absent until the host has answered. */
  readonly remoteId?: string;
  /** As whom changes are made. */
  readonly user: UserId;
  readonly userName: string;
  readonly createTime: number;
  readonly deliveryTime?: number;
  /** What became of the last delivery, in a sentence. */
  readonly delivery?: string;
}

const isEnvelope = isShape<Envelope>({ keyId: 'string', nonce: 'string', data: 'string' });
const isText = (value: unknown): value is string => typeof value === 'string';

function toHook(row: Selectable<Tables['git_hooks']>): GitHook {
  return present({
    project: projectId(row.project_id),
    id: row.id,
    api: oneOf(hostApis, row.api, 'git_hooks.api'),
    host: row.host,
    path: row.path,
    repositories: parseJson(row.repositories_json, 'git_hooks.repositories_json', isListOf(isText)),
    secret: parseJson(row.secret_json, 'git_hooks.secret_json', isEnvelope),
    remoteId: row.remote_id,
    user: userId(row.user_id),
    userName: row.user_name,
    createTime: row.create_time,
    deliveryTime: row.delivery_time,
    delivery: row.delivery,
  });
}

/** False, and nothing is written, where a hook of that id leads from another repository. */
export async function putGitHook(
  tx: Tx,
  hook: Omit<GitHook, 'remoteId' | 'deliveryTime' | 'delivery'>,
): Promise<boolean> {
  const existing = await findGitHook(tx, hook.project, hook.id);
  if (existing && (existing.host !== hook.host || existing.path !== hook.path)) return false;
  const content = {
    api: hook.api,
    host: hook.host,
    path: hook.path,
    repositories_json: JSON.stringify(hook.repositories),
    secret_json: JSON.stringify(hook.secret),
    remote_id: null,
    user_id: hook.user,
    user_name: hook.userName,
    create_time: hook.createTime,
    delivery_time: null,
    delivery: null,
  };
  await tx
    .insertInto('git_hooks')
    .values({ project_id: hook.project, id: hook.id, ...content })
    .onConflict((on) => on.columns(['project_id', 'id']).doUpdateSet(content))
    .execute();
  return true;
}

export async function findGitHook(db: Db, project: ProjectId, id: string): Promise<GitHook | undefined> {
  const row = await db
    .selectFrom('git_hooks')
    .selectAll()
    .where('project_id', '=', project)
    .where('id', '=', id)
    .executeTakeFirst();
  return row && toHook(row);
}

export async function nameGitHook(
  tx: Tx,
  hook: Pick<GitHook, 'project' | 'id'>,
  remoteId: string,
): Promise<void> {
  await tx
    .updateTable('git_hooks')
    .set({ remote_id: remoteId })
    .where('project_id', '=', hook.project)
    .where('id', '=', hook.id)
    .execute();
}

/** Without a time it is the same delivery, of which more is known. */
export async function noteDelivery(
  tx: Tx,
  hook: Pick<GitHook, 'project' | 'id'>,
  { time, text }: { readonly time?: number; readonly text: string },
): Promise<void> {
  await tx
    .updateTable('git_hooks')
    .set({ delivery: text, ...(time !== undefined && { delivery_time: time }) })
    .where('project_id', '=', hook.project)
    .where('id', '=', hook.id)
    .execute();
}

export async function deleteGitHook(tx: Tx, hook: Pick<GitHook, 'project' | 'id'>): Promise<void> {
  await tx.deleteFrom('git_hooks').where('project_id', '=', hook.project).where('id', '=', hook.id).execute();
}

/** By the id that its host gave it. */
export async function deleteGitHookAtHost(
  tx: Tx,
  hook: { readonly project: ProjectId; readonly host: string; readonly remoteId: string },
): Promise<void> {
  await tx
    .deleteFrom('git_hooks')
    .where('project_id', '=', hook.project)
    .where('host', '=', hook.host)
    .where('remote_id', '=', hook.remoteId)
    .execute();
}
