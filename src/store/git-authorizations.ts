import type { Selectable } from 'kysely';
import { unseal, type Envelope, type Key } from '../domain/envelope.ts';
import {
  hostApis,
  repoTypes,
  tokenTypes,
  type Credential,
  type HostApi,
  type RepoType,
  type TokenType,
} from '../domain/git.ts';
import { projectId, type ProjectId } from '../domain/ids.ts';
import { isRecord, isShape, parseJson } from './json.ts';
import type { Db, Tx } from './open.ts';
import { given, oneOf, present } from './rows.ts';
import type { Tables } from './tables.ts';

/** What opens a git host for a project. Its credential stays sealed until a host is asked. */
export interface GitAuthorization {
  readonly project: ProjectId;
  readonly name: string;
  readonly repoType: RepoType;
  readonly api: HostApi;
  /** Base address, without a slash at its end. */
  readonly host: string;
  /** The page of the user there. */
  readonly home: string;
  readonly userName: string;
  /** Address of a picture; may be empty. */
  readonly avatar: string;
  readonly tokenType: TokenType;
  readonly tag?: string;
  readonly secret: Envelope;
  /** domain authorizationStatus */
  readonly status: number;
  readonly creator: string;
  readonly createTime: number;
  readonly updateTime: number;
}

const isEnvelope = isShape<Envelope>({ keyId: 'string', nonce: 'string', data: 'string' });

function toAuthorization(row: Selectable<Tables['git_authorizations']>): GitAuthorization {
  return present({
    project: projectId(row.project_id),
    name: row.name,
    repoType: oneOf(repoTypes, row.repo_type, 'git_authorizations.repo_type'),
    api: oneOf(hostApis, row.api, 'git_authorizations.api'),
    host: row.host,
    home: row.home,
    userName: row.user_name,
    avatar: row.avatar,
    tokenType: oneOf(tokenTypes, row.token_type, 'git_authorizations.token_type'),
    tag: row.tag,
    secret: parseJson(row.secret_json, 'git_authorizations.secret_json', isEnvelope),
    status: row.status,
    creator: row.creator,
    createTime: row.create_time,
    updateTime: row.update_time,
  });
}

/** False, and nothing is written, where the project has one of that name. */
export async function insertGitAuthorization(
  tx: Tx,
  one: Omit<GitAuthorization, 'updateTime'>,
): Promise<boolean> {
  const { numInsertedOrUpdatedRows } = await tx
    .insertInto('git_authorizations')
    .values({
      project_id: one.project,
      name: one.name,
      repo_type: one.repoType,
      api: one.api,
      host: one.host,
      home: one.home,
      user_name: one.userName,
      avatar: one.avatar,
      token_type: one.tokenType,
      tag: one.tag ?? null,
      secret_json: JSON.stringify(one.secret),
      status: one.status,
      creator: one.creator,
      create_time: one.createTime,
      update_time: one.createTime,
    })
    .onConflict((on) => on.columns(['project_id', 'name']).doNothing())
    .executeTakeFirst();
  return numInsertedOrUpdatedRows === 1n;
}

export async function findGitAuthorization(
  db: Db,
  project: ProjectId,
  name: string,
): Promise<GitAuthorization | undefined> {
  const row = await byName(db, project, name).executeTakeFirst();
  return row && toAuthorization(row);
}

/** Holds the row until the transaction ends. */
export async function lockGitAuthorization(
  tx: Tx,
  project: ProjectId,
  name: string,
): Promise<GitAuthorization | undefined> {
  const row = await byName(tx, project, name).forUpdate().executeTakeFirst();
  return row && toAuthorization(row);
}

const byName = (db: Db, project: ProjectId, name: string) =>
  db.selectFrom('git_authorizations').selectAll().where('project_id', '=', project).where('name', '=', name);

/** The oldest first; the contract does not page them. */
export async function listGitAuthorizations(
  db: Db,
  project: ProjectId,
  limit: number,
): Promise<readonly GitAuthorization[]> {
  const rows = await db
    .selectFrom('git_authorizations')
    .selectAll()
    .where('project_id', '=', project)
    .orderBy('create_time')
    .orderBy('name')
    .limit(limit)
    .execute();
  return rows.map(toAuthorization);
}

export async function updateGitAuthorization(
  tx: Tx,
  project: ProjectId,
  name: string,
  changes: { readonly secret?: Envelope; readonly status?: number; readonly updateTime: number },
): Promise<void> {
  await tx
    .updateTable('git_authorizations')
    .set(
      given({
        secret_json: changes.secret && JSON.stringify(changes.secret),
        status: changes.status,
        update_time: changes.updateTime,
      }),
    )
    .where('project_id', '=', project)
    .where('name', '=', name)
    .execute();
}

/** Answers whether there was one. */
export async function deleteGitAuthorization(tx: Tx, project: ProjectId, name: string): Promise<boolean> {
  const { numDeletedRows } = await tx
    .deleteFrom('git_authorizations')
    .where('project_id', '=', project)
    .where('name', '=', name)
    .executeTakeFirst();
  return numDeletedRows > 0n;
}

const isCredential = (value: unknown): value is Credential =>
  isRecord(value) &&
  (value['kind'] === 'password'
    ? typeof value['user'] === 'string' && typeof value['password'] === 'string'
    : (value['kind'] === 'token' || value['kind'] === 'oauth') && typeof value['token'] === 'string');

/** What opens the host, in the clear: never to be logged, answered or put into a message. */
export const unsealCredential = (key: Key, { secret }: Pick<GitAuthorization, 'secret'>): Credential =>
  parseJson(unseal(key, secret), 'git_authorizations.secret_json', isCredential);
