import { type Selectable, sql } from 'kysely';
import {
  applicationId,
  componentId,
  projectId,
  type ApplicationId,
  type ComponentId,
  type ProjectId,
} from '../domain/ids.ts';
import type { Artifact } from '../domain/release.ts';
import { isRecord, isShape, optionalJson, parseOptionalJson } from './json.ts';
import type { Db, Tx } from './open.ts';
import { limitOf, type Page, type Paging } from './paging.ts';
import { given, present } from './rows.ts';
import type { Tables } from './tables.ts';

/** Where code lies, as sent. */
export interface CodeSpec {
  /** "GitHub", "GitLab" ...; of no effect. */
  readonly repoType?: string;
  readonly repoUrl: string;
  readonly repoRef?: string;
  /** Name of a git authorization. */
  readonly repoAuth?: string;
  readonly repoNamespace?: string;
}

/** As sent: a package, or code that is built first. */
export type ComponentSource =
  { readonly kind: 'artifact'; readonly spec: Artifact } | { readonly kind: 'code'; readonly spec: CodeSpec };

export interface ComponentBuild {
  readonly id: string;
  /** For a shell. */
  readonly command?: string;
  /** What else was sent: clusters, registries and Dockerfiles, which have no effect on this host. */
  readonly parameters: Readonly<Record<string, unknown>>;
}

export interface Component {
  readonly id: ComponentId;
  readonly project: ProjectId;
  readonly application: ApplicationId;
  readonly name: string;
  readonly runtime: string;
  readonly category: string;
  readonly subCategory?: string;
  readonly description?: string;
  readonly source?: ComponentSource;
  readonly build?: ComponentBuild;
  /** Its instances are being removed by force; it holds its name no longer. */
  readonly isDeleting: boolean;
  readonly creator: string;
  readonly createTime: number;
  readonly updateTime: number;
}

/** Names that differ by case only are the same. */
const nameKey = (name: string) => name.toLowerCase();

const isArtifact = isShape<Artifact>({ storage: 'string', type: 'string', url: 'string' });
const isCodeSpec = isShape<CodeSpec>({ repoUrl: 'string' });
const isSource = (value: unknown): value is ComponentSource =>
  isRecord(value) &&
  ((value['kind'] === 'code' && isCodeSpec(value['spec'])) ||
    (value['kind'] === 'artifact' && isArtifact(value['spec'])));
const isBuild = isShape<ComponentBuild>({ id: 'string', parameters: 'object' });

function toComponent(row: Selectable<Tables['components']>): Component {
  return present({
    id: componentId(row.id),
    project: projectId(row.project_id),
    application: applicationId(row.application_id),
    name: row.name,
    runtime: row.runtime,
    category: row.category,
    subCategory: row.sub_category,
    description: row.description,
    source: parseOptionalJson(row.source_json, 'components.source_json', isSource),
    build: parseOptionalJson(row.build_json, 'components.build_json', isBuild),
    isDeleting: row.deleting === 1,
    creator: row.creator,
    createTime: row.create_time,
    updateTime: row.update_time,
  });
}

/** A name that is taken is a UniqueViolation of `unique.componentName`. */
export async function insertComponent(
  tx: Tx,
  component: Omit<Component, 'isDeleting' | 'updateTime'>,
): Promise<void> {
  await tx
    .insertInto('components')
    .values({
      id: component.id,
      project_id: component.project,
      application_id: component.application,
      name: component.name,
      name_key: nameKey(component.name),
      runtime: component.runtime,
      category: component.category,
      sub_category: component.subCategory ?? null,
      description: component.description ?? null,
      source_json: optionalJson(component.source),
      build_json: optionalJson(component.build),
      deleting: 0,
      creator: component.creator,
      create_time: component.createTime,
      update_time: component.createTime,
    })
    .execute();
  await addToCount(tx, component.application, 1);
}

async function addToCount(tx: Tx, application: ApplicationId, change: 1 | -1): Promise<void> {
  await tx
    .updateTable('applications')
    .set((eb) => ({ component_count: eb('component_count', '+', change) }))
    .where('id', '=', application)
    .execute();
}

/** Also one that is being deleted. Without an application: in any of the project's. */
export async function findComponent(
  db: Db,
  project: ProjectId,
  application: ApplicationId | undefined,
  id: ComponentId,
): Promise<Component | undefined> {
  const row = await byId(db, project, application, id).executeTakeFirst();
  return row && toComponent(row);
}

/** For whoever deletes or changes it; waits for those that hold it. */
export async function lockComponent(
  tx: Tx,
  project: ProjectId,
  application: ApplicationId,
  id: ComponentId,
): Promise<Component | undefined> {
  const row = await byId(tx, project, application, id).forUpdate().executeTakeFirst();
  return row && toComponent(row);
}

/** Keeps it from being deleted until the transaction ends: for whoever adds to it or decides by it. */
export async function holdComponent(
  tx: Tx,
  project: ProjectId,
  application: ApplicationId,
  id: ComponentId,
): Promise<Component | undefined> {
  const row = await byId(tx, project, application, id).forKeyShare().executeTakeFirst();
  return row && toComponent(row);
}

const byId = (db: Db, project: ProjectId, application: ApplicationId | undefined, id: ComponentId) =>
  db
    .selectFrom('components')
    .selectAll()
    .where('id', '=', id)
    .where('project_id', '=', project)
    .$if(application !== undefined, (query) => query.where('application_id', '=', application ?? ''));

export async function listComponents(
  db: Db,
  project: ProjectId,
  application: ApplicationId,
  paging: Paging,
): Promise<Page<Component>> {
  const all = db
    .selectFrom('components')
    .where('project_id', '=', project)
    .where('application_id', '=', application);
  const rows = await all
    .selectAll()
    .orderBy(paging.orderBy === 'version' ? 'create_time' : paging.orderBy, paging.order)
    .orderBy('id', paging.order)
    .limit(limitOf(paging))
    .offset(paging.offset)
    .execute();
  return { count: await countComponents(db, project, application), items: rows.map(toComponent) };
}

/** Those being deleted included: few, and counted along an index of their own. */
async function countComponents(db: Db, project: ProjectId, application: ApplicationId): Promise<number> {
  const { count } = await db
    .selectNoFrom((eb) =>
      eb(
        eb.fn.coalesce(
          eb
            .selectFrom('applications')
            .select('component_count')
            .where('id', '=', application)
            .where('project_id', '=', project),
          eb.lit(0),
        ),
        '+',
        eb
          .selectFrom('components')
          .select((one) => one.fn.countAll<number>().as('deleting'))
          // Of one project, as the application is; asked for too, SQLite would walk all of the application's components.
          .where('application_id', '=', application)
          // Written out as in the index, which is not taken for a parameter.
          .where('deleting', '=', sql.lit(1)),
      ).as('count'),
    )
    .executeTakeFirstOrThrow();
  return count;
}

/** Of live ones, which keep their application from being deleted. */
export async function countLiveComponents(db: Db, application: ApplicationId): Promise<number> {
  const { count } = await db
    .selectFrom('components')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('application_id', '=', application)
    .where('deleting', '=', 0)
    .executeTakeFirstOrThrow();
  return count;
}

/** Absent members stay as they are; null clears. */
export interface ComponentChanges {
  readonly name?: string;
  readonly description?: string | null;
  readonly source?: ComponentSource | null;
  readonly build?: ComponentBuild | null;
  readonly updateTime: number;
}

export async function updateComponent(tx: Tx, id: ComponentId, changes: ComponentChanges): Promise<void> {
  const { name, source, build } = changes;
  await tx
    .updateTable('components')
    .set(
      given({
        name,
        name_key: name === undefined ? undefined : nameKey(name),
        description: changes.description,
        source_json: source === undefined || source === null ? source : JSON.stringify(source),
        build_json: build === undefined || build === null ? build : JSON.stringify(build),
        update_time: changes.updateTime,
      }),
    )
    .where('id', '=', id)
    .execute();
}

/** Its name is free from now on; the row goes with its last instance, by deleteComponent. */
export async function markComponentDeleting(tx: Tx, id: ComponentId, time: number): Promise<void> {
  const row = await tx
    .updateTable('components')
    .set({ deleting: 1, update_time: time })
    .where('id', '=', id)
    .where('deleting', '=', 0)
    .returning('application_id')
    .executeTakeFirst();
  if (row) await addToCount(tx, applicationId(row.application_id), -1);
}

export async function deleteComponent(tx: Tx, id: ComponentId): Promise<void> {
  const row = await tx
    .deleteFrom('components')
    .where('id', '=', id)
    .returning(['application_id', 'deleting'])
    .executeTakeFirst();
  if (row?.deleting === 0) await addToCount(tx, applicationId(row.application_id), -1);
}

/** Removes components marked for deletion that have no live instance any more; answers how many. */
export async function deleteEmptiedComponents(tx: Tx): Promise<number> {
  const { numDeletedRows } = await tx
    .deleteFrom('components')
    .where('deleting', '=', sql.lit(1))
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom('instances')
            .select(sql.lit(1).as('one'))
            .whereRef('instances.component_id', '=', 'components.id')
            .whereRef('instances.project_id', '=', 'components.project_id')
            .where('instances.delete_time', 'is', null),
        ),
      ),
    )
    .executeTakeFirst();
  return Number(numDeletedRows);
}
