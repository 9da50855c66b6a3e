import type { Selectable } from 'kysely';
import { environmentId, projectId, type EnvironmentId, type ProjectId } from '../domain/ids.ts';
import type { Resource } from '../domain/resource.ts';
import type { Db, Tx } from './open.ts';
import { limitOf, type Page, type Paging } from './paging.ts';
import { given, present } from './rows.ts';
import type { Tables } from './tables.ts';

export interface Environment {
  readonly id: EnvironmentId;
  readonly project: ProjectId;
  readonly name: string;
  readonly alias?: string;
  readonly description?: string;
  readonly enterpriseProjectId: string;
  readonly chargeMode: string;
  readonly deployMode: string;
  readonly vpcId: string;
  /** Those that run things; in the order in which they were given. */
  readonly baseResources: readonly Resource[];
  readonly optionalResources: readonly Resource[];
  readonly creator: string;
  readonly createTime: number;
  readonly updateTime: number;
}

/** Names that differ by case only are the same. */
const nameKey = (name: string) => name.toLowerCase();

type Row = Selectable<Tables['environments']>;
type ResourceRow = Selectable<Tables['environment_resources']>;

const toResource = (row: ResourceRow): Resource =>
  present({ id: row.resource_id, type: row.type, name: row.name });

function toEnvironment(row: Row, resources: readonly ResourceRow[]): Environment {
  const pick = (isBase: number): readonly Resource[] =>
    resources.filter((one) => one.environment_id === row.id && one.is_base === isBase).map(toResource);
  return present({
    id: environmentId(row.id),
    project: projectId(row.project_id),
    name: row.name,
    alias: row.alias,
    description: row.description,
    enterpriseProjectId: row.enterprise_project_id,
    chargeMode: row.charge_mode,
    deployMode: row.deploy_mode,
    vpcId: row.vpc_id,
    baseResources: pick(1),
    optionalResources: pick(0),
    creator: row.creator,
    createTime: row.create_time,
    updateTime: row.update_time,
  });
}

async function withResources(db: Db, rows: readonly Row[]): Promise<readonly Environment[]> {
  if (rows.length === 0) return [];
  const resources = await db
    .selectFrom('environment_resources')
    .selectAll()
    .where(
      'environment_id',
      'in',
      rows.map((row) => row.id),
    )
    .orderBy('position')
    .execute();
  return rows.map((row) => toEnvironment(row, resources));
}

/** A name that is taken is a UniqueViolation of `unique.environmentName`, a resource twice of `unique.environmentResource`. */
export async function insertEnvironment(tx: Tx, environment: Omit<Environment, 'updateTime'>): Promise<void> {
  await tx
    .insertInto('environments')
    .values({
      id: environment.id,
      project_id: environment.project,
      name: environment.name,
      name_key: nameKey(environment.name),
      alias: environment.alias ?? null,
      description: environment.description ?? null,
      enterprise_project_id: environment.enterpriseProjectId,
      charge_mode: environment.chargeMode,
      deploy_mode: environment.deployMode,
      vpc_id: environment.vpcId,
      creator: environment.creator,
      create_time: environment.createTime,
      update_time: environment.createTime,
    })
    .execute();
  await replaceEnvironmentResources(tx, environment);
}

/** The whole of an environment's resources, base ones first; their order is kept. */
export async function replaceEnvironmentResources(
  tx: Tx,
  environment: Pick<Environment, 'id' | 'project' | 'baseResources' | 'optionalResources'>,
): Promise<void> {
  await tx.deleteFrom('environment_resources').where('environment_id', '=', environment.id).execute();
  const { baseResources, optionalResources } = environment;
  const rows = [...baseResources, ...optionalResources].map((resource, position) => ({
    environment_id: environment.id,
    project_id: environment.project,
    position,
    is_base: position < baseResources.length ? 1 : 0,
    resource_id: resource.id,
    type: resource.type,
    name: resource.name ?? null,
  }));
  if (rows.length > 0) await tx.insertInto('environment_resources').values(rows).execute();
}

export async function findEnvironment(
  db: Db,
  project: ProjectId,
  id: EnvironmentId,
): Promise<Environment | undefined> {
  const rows = await byId(db, project, id).execute();
  return (await withResources(db, rows))[0];
}

export async function findEnvironmentByName(
  db: Db,
  project: ProjectId,
  name: string,
): Promise<Environment | undefined> {
  const rows = await db
    .selectFrom('environments')
    .selectAll()
    .where('project_id', '=', project)
    .where('name_key', '=', nameKey(name))
    .execute();
  return (await withResources(db, rows))[0];
}

/** Keeps it and its resources as they are until the transaction ends: for whoever places something in it. */
export async function holdEnvironment(
  tx: Tx,
  project: ProjectId,
  id: EnvironmentId,
): Promise<Environment | undefined> {
  const rows = await byId(tx, project, id).forKeyShare().execute();
  return (await withResources(tx, rows))[0];
}

/** For whoever deletes or changes it; waits for those that hold it. */
export async function lockEnvironment(
  tx: Tx,
  project: ProjectId,
  id: EnvironmentId,
): Promise<Environment | undefined> {
  const rows = await byId(tx, project, id).forUpdate().execute();
  return (await withResources(tx, rows))[0];
}

const byId = (db: Db, project: ProjectId, id: EnvironmentId) =>
  db.selectFrom('environments').selectAll().where('id', '=', id).where('project_id', '=', project);

/** In the order in which they were given, base ones first. */
export async function listEnvironmentResources(
  db: Db,
  project: ProjectId,
  id: EnvironmentId,
): Promise<readonly Resource[]> {
  const rows = await db
    .selectFrom('environment_resources')
    .selectAll()
    .where('project_id', '=', project)
    .where('environment_id', '=', id)
    .orderBy('position')
    .execute();
  return rows.map(toResource);
}

export async function listEnvironments(
  db: Db,
  project: ProjectId,
  paging: Paging,
): Promise<Page<Environment>> {
  const all = db.selectFrom('environments').where('project_id', '=', project);
  const rows = await all
    .selectAll()
    .orderBy(paging.orderBy === 'version' ? 'create_time' : paging.orderBy, paging.order)
    .orderBy('id', paging.order)
    .limit(limitOf(paging))
    .offset(paging.offset)
    .execute();
  const { count } = await all.select((eb) => eb.fn.countAll<number>().as('count')).executeTakeFirstOrThrow();
  return { count, items: await withResources(db, rows) };
}

/** Absent members stay as they are; null clears. */
export interface EnvironmentChanges {
  readonly name?: string;
  readonly alias?: string | null;
  readonly description?: string | null;
  readonly deployMode?: string;
  readonly enterpriseProjectId?: string;
  readonly updateTime: number;
}

export async function updateEnvironment(
  tx: Tx,
  id: EnvironmentId,
  changes: EnvironmentChanges,
): Promise<void> {
  const { name } = changes;
  await tx
    .updateTable('environments')
    .set(
      given({
        name,
        name_key: name === undefined ? undefined : nameKey(name),
        alias: changes.alias,
        description: changes.description,
        deploy_mode: changes.deployMode,
        enterprise_project_id: changes.enterpriseProjectId,
        update_time: changes.updateTime,
      }),
    )
    .where('id', '=', id)
    .execute();
}

/** With its resources. Whether instances still live in it is the caller's question, under lockEnvironment. */
export async function deleteEnvironment(tx: Tx, id: EnvironmentId): Promise<void> {
  await tx.deleteFrom('environments').where('id', '=', id).execute();
}
