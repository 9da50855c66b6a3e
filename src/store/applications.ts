import type { Selectable } from 'kysely';
import type { SealedVariable } from '../domain/envelope.ts';
import {
  applicationId,
  environmentId,
  projectId,
  type ApplicationId,
  type EnvironmentId,
  type ProjectId,
} from '../domain/ids.ts';
import { isListOf, isShape, parseJson } from './json.ts';
import type { Db, Tx } from './open.ts';
import { limitOf, type Page, type Paging } from './paging.ts';
import { given, present } from './rows.ts';
import type { Tables } from './tables.ts';

export interface Application {
  readonly id: ApplicationId;
  readonly project: ProjectId;
  readonly name: string;
  readonly description?: string;
  readonly enterpriseProjectId: string;
  readonly creator: string;
  /** Of live components; insertComponent and its sisters keep it. */
  readonly componentCount: number;
  readonly createTime: number;
  readonly updateTime: number;
}

function toApplication(row: Selectable<Tables['applications']>): Application {
  return present({
    id: applicationId(row.id),
    project: projectId(row.project_id),
    name: row.name,
    description: row.description,
    enterpriseProjectId: row.enterprise_project_id,
    creator: row.creator,
    componentCount: row.component_count,
    createTime: row.create_time,
    updateTime: row.update_time,
  });
}

/** A name that is taken is a UniqueViolation of `unique.applicationName`. */
export async function insertApplication(
  tx: Tx,
  application: Omit<Application, 'componentCount' | 'updateTime'>,
): Promise<void> {
  await tx
    .insertInto('applications')
    .values({
      id: application.id,
      project_id: application.project,
      name: application.name,
      description: application.description ?? null,
      enterprise_project_id: application.enterpriseProjectId,
      creator: application.creator,
      component_count: 0,
      create_time: application.createTime,
      update_time: application.createTime,
    })
    .execute();
}

export async function findApplication(
  db: Db,
  project: ProjectId,
  id: ApplicationId,
): Promise<Application | undefined> {
  const row = await db
    .selectFrom('applications')
    .selectAll()
    .where('id', '=', id)
    .where('project_id', '=', project)
    .executeTakeFirst();
  return row && toApplication(row);
}

export async function findApplicationByName(
  db: Db,
  project: ProjectId,
  name: string,
): Promise<Application | undefined> {
  const row = await db
    .selectFrom('applications')
    .selectAll()
    .where('project_id', '=', project)
    .where('name', '=', name)
    .executeTakeFirst();
  return row && toApplication(row);
}

/** Holds the row until the transaction ends, so that nothing is added to an application that is being deleted. */
export async function lockApplication(
  tx: Tx,
  project: ProjectId,
  id: ApplicationId,
): Promise<Application | undefined> {
  const row = await tx
    .selectFrom('applications')
    .selectAll()
    .where('id', '=', id)
    .where('project_id', '=', project)
    .forUpdate()
    .executeTakeFirst();
  return row && toApplication(row);
}

export async function listApplications(
  db: Db,
  project: ProjectId,
  paging: Paging,
): Promise<Page<Application>> {
  const all = db.selectFrom('applications').where('project_id', '=', project);
  const rows = await all
    .selectAll()
    .orderBy(paging.orderBy === 'version' ? 'create_time' : paging.orderBy, paging.order)
    .orderBy('id', paging.order)
    .limit(limitOf(paging))
    .offset(paging.offset)
    .execute();
  const { count } = await all.select((eb) => eb.fn.countAll<number>().as('count')).executeTakeFirstOrThrow();
  return { count, items: rows.map(toApplication) };
}

/** Absent members stay as they are; null clears. */
export interface ApplicationChanges {
  readonly name?: string;
  readonly description?: string | null;
  readonly enterpriseProjectId?: string;
  readonly updateTime: number;
}

export async function updateApplication(
  tx: Tx,
  id: ApplicationId,
  changes: ApplicationChanges,
): Promise<void> {
  await tx
    .updateTable('applications')
    .set(
      given({
        name: changes.name,
        description: changes.description,
        enterprise_project_id: changes.enterpriseProjectId,
        update_time: changes.updateTime,
      }),
    )
    .where('id', '=', id)
    .execute();
}

/** With its configurations. Whether it still has components is the caller's question, under lockApplication. */
export async function deleteApplication(tx: Tx, id: ApplicationId): Promise<void> {
  await tx.deleteFrom('applications').where('id', '=', id).execute();
}

/** An application's own variables in one environment. */
export interface ApplicationConfiguration {
  readonly application: ApplicationId;
  readonly environment: EnvironmentId;
  readonly project: ProjectId;
  readonly env: readonly SealedVariable[];
}

const isVariables = isListOf(isShape<SealedVariable>({ name: 'string', value: 'object' }));

/** In one environment, or in all, in order of the environment's id. */
export async function listApplicationConfigurations(
  db: Db,
  application: ApplicationId,
  environment?: EnvironmentId,
): Promise<readonly ApplicationConfiguration[]> {
  const rows = await db
    .selectFrom('application_configurations')
    .selectAll()
    .where('application_id', '=', application)
    .$if(environment !== undefined, (query) => query.where('environment_id', '=', environment ?? ''))
    .orderBy('environment_id')
    .execute();
  return rows.map((row) => ({
    application: applicationId(row.application_id),
    environment: environmentId(row.environment_id),
    project: projectId(row.project_id),
    env: parseJson(row.env_json, 'application_configurations.env_json', isVariables),
  }));
}

/** Replaces what was there. */
export async function upsertApplicationConfiguration(
  tx: Tx,
  configuration: ApplicationConfiguration,
): Promise<void> {
  const env = JSON.stringify(configuration.env);
  await tx
    .insertInto('application_configurations')
    .values({
      application_id: configuration.application,
      environment_id: configuration.environment,
      project_id: configuration.project,
      env_json: env,
    })
    .onConflict((on) => on.columns(['application_id', 'environment_id']).doUpdateSet({ env_json: env }))
    .execute();
}

/** Answers whether there was one. */
export async function deleteApplicationConfiguration(
  tx: Tx,
  application: ApplicationId,
  environment: EnvironmentId,
): Promise<boolean> {
  const { numDeletedRows } = await tx
    .deleteFrom('application_configurations')
    .where('application_id', '=', application)
    .where('environment_id', '=', environment)
    .executeTakeFirst();
  return numDeletedRows > 0n;
}

/** What the instances of an application inherit in one environment. */
export async function findApplicationEnv(
  db: Db,
  application: ApplicationId,
  environment: EnvironmentId,
): Promise<readonly SealedVariable[]> {
  return (await listApplicationConfigurations(db, application, environment))[0]?.env ?? [];
}
