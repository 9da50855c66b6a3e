import { sql } from 'kysely';
import { buildKey, digest, type BuildKey, type Digest } from '../domain/ids.ts';
import type { Db, Tx } from './open.ts';

/** A file kept by digest in the data directory. */
export interface StoredArtifact {
  readonly digest: Digest;
  readonly size: number;
  readonly createTime: number;
  /** When it was last put in or asked for; what was used lately is not collected. */
  readonly useTime: number;
}

interface ArtifactRow {
  readonly digest: string;
  readonly size: number;
  readonly create_time: number;
  readonly use_time: number;
}

const toArtifact = (row: ArtifactRow): StoredArtifact => ({
  digest: digest(row.digest),
  size: row.size,
  createTime: row.create_time,
  useTime: row.use_time,
});

/** Notes a file that is in place, or that it was used again. */
export async function recordArtifact(
  tx: Tx,
  artifact: { readonly digest: Digest; readonly size: number; readonly time: number },
): Promise<void> {
  const { size, time } = artifact;
  await tx
    .insertInto('artifacts')
    .values({ digest: artifact.digest, size, create_time: time, use_time: time })
    .onConflict((on) => on.column('digest').doUpdateSet({ use_time: time }))
    .execute();
}

export async function touchArtifact(tx: Tx, id: Digest, time: number): Promise<void> {
  await tx.updateTable('artifacts').set({ use_time: time }).where('digest', '=', id).execute();
}

export async function findArtifact(db: Db, id: Digest): Promise<StoredArtifact | undefined> {
  const row = await db.selectFrom('artifacts').selectAll().where('digest', '=', id).executeTakeFirst();
  return row && toArtifact(row);
}

/** Releases whose content must stay: kept, serving or asked for, of instances that live. */
const namedReleases = (db: Db) =>
  db
    .selectFrom('releases')
    .innerJoin('instances', 'instances.id', 'releases.instance_id')
    .where('instances.delete_time', 'is', null)
    .where((eb) =>
      eb.or([
        eb('releases.kept', '=', 1),
        eb('releases.id', '=', eb.ref('instances.requested_release_id')),
        eb('releases.id', '=', eb.ref('instances.serving_release_id')),
      ]),
    );

const unnamed = (db: Db, unusedSince: number) =>
  db
    .selectFrom('artifacts')
    .where('use_time', '<', unusedSince)
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom('packages')
            .select(sql.lit(1).as('one'))
            .whereRef('packages.digest', '=', 'artifacts.digest'),
        ),
      ),
    )
    .where(({ not, exists }) =>
      not(
        exists(
          namedReleases(db)
            .select(sql.lit(1).as('one'))
            .where(sql<boolean>`releases.digest = artifacts.digest`),
        ),
      ),
    );

/** What may go: not used since then, and named by no package and no release that must stay. Oldest use first. */
export async function listUnnamedArtifacts(
  db: Db,
  unusedSince: number,
  limit: number,
): Promise<readonly StoredArtifact[]> {
  const rows = await unnamed(db, unusedSince)
    .selectAll('artifacts')
    .orderBy('use_time')
    .limit(limit)
    .execute();
  return rows.map(toArtifact);
}

/** Forgets one if it still may go, and answers whether; only then may its file be removed. */
export async function deleteUnnamedArtifact(tx: Tx, id: Digest, unusedSince: number): Promise<boolean> {
  const { numDeletedRows } = await tx
    .deleteFrom('artifacts')
    .where(
      'digest',
      'in',
      unnamed(tx, unusedSince).select('artifacts.digest').where('artifacts.digest', '=', id),
    )
    .executeTakeFirst();
  return numDeletedRows > 0n;
}

/** Every digest that a release which must stay, or a package, still names. */
export async function listNamedDigests(db: Db): Promise<ReadonlySet<Digest>> {
  const released = await namedReleases(db)
    .select('releases.digest')
    .where('releases.digest', 'is not', null)
    .distinct()
    .execute();
  const packaged = await db.selectFrom('packages').select('digest').distinct().execute();
  return new Set(
    [...released, ...packaged].flatMap((row) => (row.digest === null ? [] : [digest(row.digest)])),
  );
}

/** Of these builds, those that a release which must stay, or a rollout that is not retired, still needs. */
export async function listNamedBuilds(db: Db, among: readonly BuildKey[]): Promise<ReadonlySet<BuildKey>> {
  const named = new Set<BuildKey>();
  for (let from = 0; from < among.length; from += MAX_ASKED) {
    const keys = among.slice(from, from + MAX_ASKED);
    const released = await namedReleases(db)
      .select('releases.build_key')
      .where('releases.build_key', 'in', keys)
      .distinct()
      .execute();
    const running = await db
      .selectFrom('releases')
      .innerJoin('rollouts', 'rollouts.release_id', 'releases.id')
      .select('releases.build_key')
      .where('rollouts.retire_time', 'is', null)
      .where('releases.build_key', 'in', keys)
      .distinct()
      .execute();
    for (const { build_key: key } of [...released, ...running]) if (key !== null) named.add(buildKey(key));
  }
  return named;
}

/** Parameters of one statement; SQLite takes 32,766. */
const MAX_ASKED = 1_000;

/** Whether any release, kept or not, names this path, or its end. Reads them all: for once at start. */
export async function isNamedByLaunch(db: Db, path: string): Promise<boolean> {
  const inJson = JSON.stringify(path).slice(1, -1);
  const pattern = `%${inJson.replace(/[!%_]/g, '!$&')}%`;
  const row = await db
    .selectFrom('releases')
    .select('id')
    .where(sql<boolean>`launch_json like ${pattern} escape '!'`)
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

/** Numeric users of the instances whose rollouts that are not retired run from a build. */
export async function listUsersOfBuilds(db: Db): Promise<ReadonlyMap<BuildKey, ReadonlySet<number>>> {
  const rows = await db
    .selectFrom('rollouts')
    .innerJoin('releases', 'releases.id', 'rollouts.release_id')
    .innerJoin('instances', 'instances.id', 'rollouts.instance_id')
    .select(['releases.build_key', 'instances.uid'])
    .where('rollouts.retire_time', 'is', null)
    .where('releases.build_key', 'is not', null)
    .distinct()
    .execute();
  const users = new Map<BuildKey, Set<number>>();
  for (const { build_key: name, uid } of rows) {
    if (name === null || uid === null) continue;
    const key = buildKey(name);
    users.set(key, (users.get(key) ?? new Set()).add(uid));
  }
  return users;
}
