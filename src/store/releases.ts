import { type Selectable, sql } from 'kysely';
import {
  buildKey,
  digest,
  instanceId,
  projectId,
  releaseId,
  type BuildKey,
  type Digest,
  type InstanceId,
  type ProjectId,
  type ReleaseId,
} from '../domain/ids.ts';
import type { Launch } from '../domain/launch.ts';
import { accessHosts, type Release, type ReleaseContent } from '../domain/release.ts';
import { isShape, parseJson, parseOptionalJson } from './json.ts';
import type { Db, Tx } from './open.ts';
import { limitOf, type Page } from './paging.ts';
import { given, present } from './rows.ts';
import type { Tables } from './tables.ts';

/** A domain release with what only the store needs. */
export interface StoredRelease extends Release {
  readonly project: ProjectId;
  /** The count that was asked for with it, for display. */
  readonly replicas: number;
  /** It serves, or may be rolled back to. */
  readonly isKept: boolean;
}

const isContent = isShape<ReleaseContent>({
  label: 'string',
  flavorId: 'string',
  source: 'object',
  env: 'object',
  inheritedEnv: 'object',
  configuration: 'object',
  strategy: 'string',
  externalAccesses: 'object',
  referResources: 'object',
});
const isLaunch = isShape<Launch>({
  argv: 'object',
  cwd: 'string',
  env: 'object',
  portVariables: 'object',
  files: 'object',
});

export function toRelease(row: Selectable<Tables['releases']>): StoredRelease {
  return present({
    id: releaseId(row.id),
    instance: instanceId(row.instance_id),
    project: projectId(row.project_id),
    number: row.number,
    content: parseJson(row.content_json, 'releases.content_json', isContent),
    replicas: row.replicas,
    digest: row.digest === null ? null : digest(row.digest),
    fileName: row.file_name,
    commit: row.source_commit,
    build: row.build_key === null ? null : buildKey(row.build_key),
    launch: parseOptionalJson(row.launch_json, 'releases.launch_json', isLaunch),
    isKept: row.kept === 1,
    createTime: row.create_time,
    servedTime: row.served_time,
  });
}

export interface NewRelease {
  readonly id: ReleaseId;
  readonly instance: InstanceId;
  readonly project: ProjectId;
  readonly content: ReleaseContent;
  readonly replicas: number;
  readonly createTime: number;
}

export async function insertRelease(tx: Tx, release: NewRelease): Promise<void> {
  await tx
    .insertInto('releases')
    .values({
      id: release.id,
      instance_id: release.instance,
      project_id: release.project,
      number: null,
      label: release.content.label,
      content_json: JSON.stringify(release.content),
      replicas: release.replicas,
      digest: null,
      file_name: null,
      source_commit: null,
      source_key: null,
      build_key: null,
      launch_json: null,
      kept: 0,
      create_time: release.createTime,
      served_time: null,
    })
    .execute();
  const hosts = accessHosts(release.content).map((host) => ({
    release_id: release.id,
    host,
    instance_id: release.instance,
    project_id: release.project,
  }));
  if (hosts.length > 0) await tx.insertInto('release_hosts').values(hosts).execute();
}

export async function findRelease(db: Db, id: ReleaseId): Promise<StoredRelease | undefined> {
  const row = await db.selectFrom('releases').selectAll().where('id', '=', id).executeTakeFirst();
  return row && toRelease(row);
}

/** By id, for a page of instances. */
export async function listReleases(
  db: Db,
  ids: readonly ReleaseId[],
): Promise<ReadonlyMap<ReleaseId, StoredRelease>> {
  if (ids.length === 0) return new Map();
  const rows = await db
    .selectFrom('releases')
    .selectAll()
    .where('id', 'in', [...new Set(ids)])
    .execute();
  return new Map(rows.map((row) => [releaseId(row.id), toRelease(row)]));
}

/** What resolving and building found out; only while the release is in the making. */
export interface ReleaseParts {
  readonly digest?: Digest;
  readonly fileName?: string;
  readonly commit?: string;
  /** Hash of all that its code was built from. */
  readonly sourceKey?: string;
  readonly build?: BuildKey;
  readonly launch?: Launch;
}

export async function updateRelease(tx: Tx, id: ReleaseId, parts: ReleaseParts): Promise<void> {
  const columns = given({
    digest: parts.digest,
    file_name: parts.fileName,
    source_commit: parts.commit,
    source_key: parts.sourceKey,
    build_key: parts.build,
    launch_json: parts.launch && JSON.stringify(parts.launch),
  });
  if (Object.keys(columns).length === 0) return;
  await tx.updateTable('releases').set(columns).where('id', '=', id).where('number', 'is', null).execute();
}

export interface Serve {
  readonly instance: InstanceId;
  readonly release: ReleaseId;
  readonly rollout: number;
  readonly time: number;
  /** How many releases may be rolled back to, besides the one that serves. */
  readonly keep: number;
}

/**
 * Makes the release the serving one and answers its number. The first time, it gets the instance's next number,
 * so that numbers have no gap; a release that served before keeps its own. Older ones beyond `keep` are dropped.
 */
export async function serveRelease(tx: Tx, serve: Serve): Promise<number> {
  const { next, instance } = await holdNumbers(tx, serve.instance);
  const release = await tx
    .selectFrom('releases')
    .select(['number', 'label'])
    .where('id', '=', serve.release)
    .where('instance_id', '=', serve.instance)
    .executeTakeFirst();
  if (!release)
    throw new Error(
      `Release ${serve.release} does not belong to instance ${serve.instance}, so it cannot serve it.`,
    );
  const number = release.number ?? next;
  await tx
    .updateTable('releases')
    .set({ number, kept: 1, served_time: sql<number>`coalesce(served_time, ${serve.time})` })
    .where('id', '=', serve.release)
    .execute();
  await tx
    .updateTable('instances')
    .set({
      serving_release_id: serve.release,
      serving_rollout: serve.rollout,
      label: release.label,
      next_release_number: release.number === null ? next + 1 : next,
      update_time: serve.time,
    })
    .where('id', '=', instance)
    .execute();
  await dropBeyond(tx, serve);
  return number;
}

async function holdNumbers(tx: Tx, instance: InstanceId): Promise<{ next: number; instance: string }> {
  const row = await tx
    .selectFrom('instances')
    .select(['id', 'next_release_number'])
    .where('id', '=', instance)
    .forUpdate()
    .executeTakeFirst();
  if (!row) throw new Error(`Instance ${instance} is gone, so no release can serve it.`);
  return { next: row.next_release_number, instance: row.id };
}

async function dropBeyond(tx: Tx, { instance, release, keep }: Serve): Promise<void> {
  const oldestKept = await tx
    .selectFrom('releases')
    .select('number')
    .where('instance_id', '=', instance)
    .where('kept', '=', 1)
    .where('id', '!=', release)
    .orderBy('number', 'desc')
    .limit(1)
    .offset(keep)
    .executeTakeFirst();
  if (!oldestKept || oldestKept.number === null) return;
  await tx
    .updateTable('releases')
    .set({ kept: 0 })
    .where('instance_id', '=', instance)
    .where('kept', '=', 1)
    .where('id', '!=', release)
    .where('number', '<=', oldestKept.number)
    .execute();
}

export interface SnapshotPaging {
  readonly limit?: number;
  readonly offset: number;
  /** `create_time` orders by when it first served; `version` by the label. */
  readonly orderBy: 'create_time' | 'version';
  readonly order: 'asc' | 'desc';
}

/** What `rollback` accepts: every kept release that once served, without the one that serves. */
export async function listSnapshots(
  db: Db,
  instance: InstanceId,
  paging: SnapshotPaging,
): Promise<Page<StoredRelease>> {
  const kept = db
    .selectFrom('releases')
    .where('instance_id', '=', instance)
    .where('kept', '=', 1)
    .where('releases.id', 'not in', servingOf(db, instance));
  const { order, orderBy } = paging;
  const rows = await kept
    .selectAll('releases')
    .$if(orderBy === 'version', (query) => query.orderBy('label', order))
    .orderBy('number', order)
    .limit(limitOf(paging))
    .offset(paging.offset)
    .execute();
  const { count } = await kept.select((eb) => eb.fn.countAll<number>().as('count')).executeTakeFirstOrThrow();
  return { count, items: rows.map(toRelease) };
}

const servingOf = (db: Db, instance: InstanceId) =>
  db
    .selectFrom('instances')
    .select((eb) => eb.fn.coalesce('serving_release_id', sql.lit('')).as('id'))
    .where('instances.id', '=', instance);

export type RollbackTarget =
  | { readonly found: 'snapshot'; readonly release: StoredRelease }
  /** The only one that the text names serves already: nothing to do. */
  | { readonly found: 'serving'; readonly release: StoredRelease }
  | { readonly found: 'none' };

/**
 * What a user's text names. If any release of the instance bears it as its label, labels decide: the newest kept
 * one that does not serve, else the serving one. Otherwise the text is a number.
 */
export async function findRollbackTarget(
  db: Db,
  instance: InstanceId,
  text: string,
): Promise<RollbackTarget> {
  const serving = await servingOf(db, instance).executeTakeFirst();
  const labelled = await db
    .selectFrom('releases')
    .selectAll()
    .where('instance_id', '=', instance)
    .where('label', '=', text)
    .orderBy('kept', 'desc')
    .orderBy(sql`case when id = ${serving?.id ?? ''} then 1 else 0 end`)
    .orderBy('number', 'desc')
    .limit(1)
    .executeTakeFirst();
  const row = labelled ?? (await findNumbered(db, instance, text));
  if (!row || row.kept === 0) return { found: 'none' };
  return { found: row.id === serving?.id ? 'serving' : 'snapshot', release: toRelease(row) };
}

async function findNumbered(db: Db, instance: InstanceId, text: string) {
  if (!/^[1-9]\d{0,8}$/.test(text)) return undefined;
  return db
    .selectFrom('releases')
    .selectAll()
    .where('instance_id', '=', instance)
    .where('number', '=', Number(text))
    .executeTakeFirst();
}
