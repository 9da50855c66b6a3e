import type { Selectable } from 'kysely';
import { digest, projectId, type Digest, type ProjectId } from '../domain/ids.ts';
import type { Db, Tx } from './open.ts';
import { limitOf, type Page } from './paging.ts';
import type { Tables } from './tables.ts';

/** Where a file lies in the package repository of a project. */
export interface PackageAddress {
  readonly name: string;
  readonly version: string;
  readonly file: string;
}

/** A name may be given new content, a digest never. */
export interface Package extends PackageAddress {
  readonly project: ProjectId;
  readonly digest: Digest;
  readonly size: number;
  readonly creator: string;
  readonly createTime: number;
  readonly updateTime: number;
}

const toPackage = (row: Selectable<Tables['packages']>): Package => ({
  project: projectId(row.project_id),
  name: row.name,
  version: row.version,
  file: row.file,
  digest: digest(row.digest),
  size: row.size,
  creator: row.creator,
  createTime: row.create_time,
  updateTime: row.update_time,
});

/** Its artifact must have been recorded. Answers whether the name is new. */
export async function putPackage(
  tx: Tx,
  one: Omit<Package, 'createTime' | 'updateTime'> & { readonly time: number },
): Promise<boolean> {
  const existing = await findPackage(tx, one.project, one);
  const content = { digest: one.digest, size: one.size, creator: one.creator, update_time: one.time };
  await tx
    .insertInto('packages')
    .values({
      project_id: one.project,
      name: one.name,
      version: one.version,
      file: one.file,
      create_time: one.time,
      ...content,
    })
    .onConflict((on) => on.columns(['project_id', 'name', 'version', 'file']).doUpdateSet(content))
    .execute();
  return existing === undefined;
}

export async function findPackage(
  db: Db,
  project: ProjectId,
  address: PackageAddress,
): Promise<Package | undefined> {
  const row = await db
    .selectFrom('packages')
    .selectAll()
    .where('project_id', '=', project)
    .where('name', '=', address.name)
    .where('version', '=', address.version)
    .where('file', '=', address.file)
    .executeTakeFirst();
  return row && toPackage(row);
}

/** By name, version and file. */
export async function listPackages(
  db: Db,
  project: ProjectId,
  paging: { readonly limit?: number; readonly offset: number },
  name?: string,
): Promise<Page<Package>> {
  const all = db
    .selectFrom('packages')
    .where('project_id', '=', project)
    .$if(name !== undefined, (query) => query.where('name', '=', name ?? ''));
  const rows = await all
    .selectAll()
    .orderBy('name')
    .orderBy('version')
    .orderBy('file')
    .limit(limitOf(paging))
    .offset(paging.offset)
    .execute();
  const { count } = await all.select((eb) => eb.fn.countAll<number>().as('count')).executeTakeFirstOrThrow();
  return { count, items: rows.map(toPackage) };
}

/** Answers whether there was one. Its content goes when nothing names it any more. */
export async function deletePackage(tx: Tx, project: ProjectId, address: PackageAddress): Promise<boolean> {
  const { numDeletedRows } = await tx
    .deleteFrom('packages')
    .where('project_id', '=', project)
    .where('name', '=', address.name)
    .where('version', '=', address.version)
    .where('file', '=', address.file)
    .executeTakeFirst();
  return numDeletedRows > 0n;
}
