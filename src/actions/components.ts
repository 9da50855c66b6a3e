import { createHash } from 'node:crypto';
import { Problem } from '../domain/errors.ts';
import { componentId, type ApplicationId, type ComponentId, type InstanceId } from '../domain/ids.ts';
import { lockApplication } from '../store/applications.ts';
import {
  deleteComponent,
  findComponent,
  insertComponent,
  lockComponent,
  markComponentDeleting,
  updateComponent,
  type Component,
  type ComponentBuild,
  type ComponentSource,
} from '../store/components.ts';
import { UniqueViolation } from '../store/faults.ts';
import { listInstancesOfComponents } from '../store/instance-lists.ts';
import { findOpenUserJob } from '../store/jobs.ts';
import { lockInstance } from '../store/instances.ts';
import type { Db, Tx } from '../store/open.ts';
import { unique } from '../store/tables.ts';
import { applicationOf } from './applications.ts';
import { assertAuthorized } from './assert-source.ts';
import type { Caller, Services } from './caller.ts';
import { openDeletion } from './delete-instance.ts';

export interface ComponentRequest {
  readonly name: string;
  readonly runtime: string;
  readonly category: string;
  readonly subCategory?: string;
  readonly description?: string;
  readonly source?: ComponentSource;
  readonly build?: Omit<ComponentBuild, 'id'>;
}

export interface ComponentScope {
  readonly application: ApplicationId;
  readonly component: ComponentId;
}

const unknown = ({ application, component }: ComponentScope) =>
  new Problem(
    'componentUnknown',
    `Component ${component} does not exist in application ${application}; list its components to see those that do.`,
  );

export async function componentOf(db: Db, caller: Caller, scope: ComponentScope): Promise<Component> {
  await applicationOf(db, caller, scope.application);
  const found = await findComponent(db, caller.project, scope.application, scope.component);
  if (!found) throw unknown(scope);
  return found;
}

/** `runtimes` are the names that the platform knows. */
export function createComponent(
  services: Services,
  caller: Caller,
  application: ApplicationId,
  request: ComponentRequest,
  runtimes: readonly string[],
): Promise<Component> {
  if (!runtimes.includes(request.runtime)) {
    throw new Problem(
      'runtimeUnknown',
      `runtime "${request.runtime}" is not supported; expected one of ${runtimes.join(', ')}.`,
    );
  }
  return named(request.name, () =>
    services.store.write(async (tx) => {
      const parent = await lockApplication(tx, caller.project, application);
      if (!parent) await applicationOf(tx, caller, application);
      await assertOpens(tx, caller, request.source);
      const { build, ...members } = request;
      const component = {
        id: componentId(services.newId()),
        project: caller.project,
        application,
        ...members,
        ...(build && { build: { id: services.newId(), ...build } }),
        creator: caller.userName,
        createTime: services.now(),
      };
      await insertComponent(tx, component);
      return { ...component, isDeleting: false, updateTime: component.createTime };
    }),
  );
}

/** An absent member stays; an empty description empties; source and build are replaced as a whole. */
export function changeComponent(
  services: Services,
  caller: Caller,
  scope: ComponentScope,
  request: Partial<Pick<ComponentRequest, 'name' | 'description' | 'source' | 'build'>>,
): Promise<Component> {
  return named(request.name ?? '', () =>
    services.store.write(async (tx) => {
      await applicationOf(tx, caller, scope.application);
      const component = await lockComponent(tx, caller.project, scope.application, scope.component);
      if (!component) throw unknown(scope);
      if (component.isDeleting) {
        throw new Problem(
          'invalid',
          `Component ${component.id} is being deleted and cannot be changed; create another one.`,
        );
      }
      await assertOpens(tx, caller, request.source);
      const { build, ...members } = request;
      await updateComponent(tx, component.id, {
        ...members,
        ...(build && { build: { id: component.build?.id ?? services.newId(), ...build } }),
        updateTime: services.now(),
      });
      return componentOf(tx, caller, scope);
    }),
  );
}

async function assertOpens(tx: Tx, caller: Caller, source: ComponentSource | undefined): Promise<void> {
  if (source?.kind !== 'code') return;
  const { repoUrl, repoAuth } = source.spec;
  await assertAuthorized(tx, caller.project, { repoUrl, ...(repoAuth !== undefined && { auth: repoAuth }) });
}

/** Instances whose deletion is opened in one transaction: a component may have thousands. */
const BATCH = 100;

/**
 * Without instances it is gone at once. With instances it needs `force`, which marks it, so that none is made in it any
 * more, and then opens the jobs that delete them, batch by batch. Whatever ends it in the midst of that: the same
 * request again goes on with those that are left.
 */
export async function removeComponent(
  services: Services,
  caller: Caller,
  scope: ComponentScope,
  options: { readonly force: boolean },
): Promise<void> {
  const left = await services.store.write(async (tx) => {
    await applicationOf(tx, caller, scope.application);
    if (!(await lockComponent(tx, caller.project, scope.application, scope.component))) throw unknown(scope);
    const byComponent = await listInstancesOfComponents(tx, caller.project, [scope.component]);
    const instances = byComponent.get(scope.component) ?? [];
    if (instances.length === 0) {
      await deleteComponent(tx, scope.component);
      return [];
    }
    if (!options.force) {
      throw new Problem(
        'componentHasInstances',
        `Component ${scope.component} has instances (${instances.length}); delete them first, or send force=true to delete them too.`,
      );
    }
    await markComponentDeleting(tx, scope.component, services.now());
    return instances.map(({ id }) => id);
  });
  for (let from = 0; from < left.length; from += BATCH) {
    const batch = left.slice(from, from + BATCH);
    await services.store.write(async (tx) => {
      for (const id of batch) await removeInstance(services, tx, caller, id);
    });
    services.wake();
  }
}

async function removeInstance(services: Services, tx: Tx, caller: Caller, id: InstanceId): Promise<void> {
  const instance = await lockInstance(tx, id, { project: caller.project });
  if (!instance) return;
  // A deletion without force may fail, and nobody could ask for another one inside a component in deletion.
  if ((await findOpenUserJob(tx, id))?.plan.force === true) return;
  // One request deletes many: each job gets a hash of its own, or the second would pass for a repetition of the first.
  const requestHash = createHash('sha256').update(`${caller.requestHash} ${id}`).digest('hex');
  await openDeletion(services, tx, { ...caller, requestHash }, instance, { force: true });
}

async function named<T>(name: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof UniqueViolation) || error.constraint !== unique.componentName) throw error;
    throw new Problem(
      'nameTaken',
      `A component named "${name}" (in any case) exists in this application already; choose another name.`,
      {},
      { cause: error },
    );
  }
}
