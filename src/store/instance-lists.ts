import { componentId, type ComponentId, type EnvironmentId, type ProjectId } from '../domain/ids.ts';
import { type Instance, type InstanceScope, toInstance } from './instances.ts';
import type { Db } from './open.ts';
import { limitOf, type Page, type Paging } from './paging.ts';

export interface InstanceFilter extends InstanceScope {
  readonly project: ProjectId;
  readonly environment?: EnvironmentId;
}

const live = (db: Db, { project, application, component, environment }: InstanceFilter) =>
  db
    .selectFrom('instances')
    .where('instances.project_id', '=', project)
    .where('instances.delete_time', 'is', null)
    .$if(component !== undefined, (query) => query.where('instances.component_id', '=', component ?? ''))
    .$if(application !== undefined && component === undefined, (query) =>
      query.where('instances.application_id', '=', application ?? ''),
    )
    .$if(environment !== undefined, (query) =>
      query.where('instances.environment_id', '=', environment ?? ''),
    );

/** Live ones. Where a component is given, the application is not compared: look the component up in it first. */
export async function listInstances(db: Db, filter: InstanceFilter, paging: Paging): Promise<Page<Instance>> {
  const { order, orderBy } = paging;
  const rows = await live(db, filter)
    .selectAll('instances')
    .orderBy(orderBy === 'version' ? 'instances.label' : `instances.${orderBy}`, order)
    .orderBy('instances.id', order)
    .limit(limitOf(paging))
    .offset(paging.offset)
    .execute();
  return { count: await countInstances(db, filter), items: rows.map(toInstance) };
}

export async function countInstances(db: Db, filter: InstanceFilter): Promise<number> {
  const { count } = await live(db, filter)
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .executeTakeFirstOrThrow();
  return count;
}

/** All live ones of these components, oldest first. */
export async function listInstancesOfComponents(
  db: Db,
  project: ProjectId,
  components: readonly ComponentId[],
): Promise<ReadonlyMap<ComponentId, readonly Instance[]>> {
  const byComponent = new Map<ComponentId, Instance[]>(components.map((id) => [id, []]));
  if (components.length === 0) return byComponent;
  const rows = await db
    .selectFrom('instances')
    .selectAll()
    .where('project_id', '=', project)
    .where('component_id', 'in', components)
    .where('delete_time', 'is', null)
    .orderBy('create_time')
    .orderBy('id')
    .execute();
  for (const row of rows) byComponent.get(componentId(row.component_id))?.push(toInstance(row));
  return byComponent;
}
