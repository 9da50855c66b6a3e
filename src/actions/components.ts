import { createHash } from 'node:crypto';
import { Problem } from '../domain/errors.ts';
import { componentId, type ApplicationId, type ComponentId } from '../domain/ids.ts';
import { lockApplication } from '../store/applications.ts';
import {
  deleteComponent,
  findComponent,
  insertComponent,
  lockComponent,
  markComponentDeleting,
  updateComponent,
  type Component,
} from '../store/components.ts';
import { UniqueViolation } from '../store/faults.ts';
import { listInstancesOfComponents } from '../store/instance-lists.ts';
import type { Instance } from '../store/instances.ts';
import type { Db } from '../store/open.ts';
import { unique } from '../store/tables.ts';
import { applicationOf } from './applications.ts';
import type { Caller, Services } from './caller.ts';
import { deleteInstance } from './delete-instance.ts';

export interface ComponentRequest {
  readonly name: string;
  readonly runtime: string;
  readonly category: string;
  readonly subCategory?: string;
  readonly description?: string;
  readonly source?: Component['source'];
  readonly build?: Component['build'];
}

export interface ComponentScope {
  readonly application: ApplicationId;
  readonly component: ComponentId;
}

/** How often a forced deletion looks again for instances that were made meanwhile. */
const MOST_SWEEPS = 10;

const unknown = ({ application, component }: ComponentScope) =>
  new Problem('componentUnknown', `Component ${component} does not exist in application ${application}; list its components to see those that do.`);

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
    throw new Problem('runtimeUnknown', `runtime "${request.runtime}" is not supported; expected one of ${runtimes.join(', ')}.`);
  }
  return named(request.name, () =>
    services.store.write(async (tx) => {
      const parent = await lockApplication(tx, caller.project, application);
      if (!parent) await applicationOf(tx, caller, application);
      const id = componentId(services.newId());
      await insertComponent(tx, {
        id,
        project: caller.project,
        application,
        ...request,
        creator: caller.userName,
        createTime: services.now(),
      });
      return componentOf(tx, caller, { application, component: id });
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
      const component = await componentOf(tx, caller, scope);
      if (component.isDeleting) {
        throw new Problem('invalid', `Component ${component.id} is being deleted and cannot be changed; create another one.`);
      }
      await updateComponent(tx, component.id, { ...request, updateTime: services.now() });
      return componentOf(tx, caller, scope);
    }),
  );
}

/** Without instances it is gone at once. With instances it needs `force`, which deletes them too. */
export async function removeComponent(
  services: Services,
  caller: Caller,
  scope: ComponentScope,
  options: { readonly force: boolean },
): Promise<void> {
  for (let sweep = 0; sweep < MOST_SWEEPS; sweep += 1) {
    const left = await services.store.write(async (tx) => {
      await applicationOf(tx, caller, scope.application);
      if (!(await lockComponent(tx, caller.project, scope.application, scope.component))) throw unknown(scope);
      const instances =
        (await listInstancesOfComponents(tx, caller.project, [scope.component])).get(scope.component) ?? [];
      if (instances.length > 0 && !options.force) {
        throw new Problem(
          'componentHasInstances',
          `Component ${scope.component} has instances (${instances.length}); delete them first, or send force=true to delete them too.`,
        );
      }
      const untouched = instances.filter((instance) => instance.activity !== 'deleting');
      if (instances.length === 0) await deleteComponent(tx, scope.component);
      // Only once every instance has a durable job that removes it; the row goes with the last of them.
      else if (untouched.length === 0) await markComponentDeleting(tx, scope.component, services.now());
      return untouched;
    });
    if (left.length === 0) return;
    for (const instance of left) await removeInstance(services, caller, scope, instance);
  }
  throw new Problem('unavailable', `Instances are being added to component ${scope.component} while it is deleted; repeat the request.`);
}

async function removeInstance(services: Services, caller: Caller, scope: ComponentScope, { id }: Instance): Promise<void> {
  // One request deletes many: each gets a hash of its own, or the second would be taken for a repetition of the first.
  const requestHash = createHash('sha256').update(`${caller.requestHash} ${id}`).digest('hex');
  try {
    await deleteInstance(services, { ...caller, requestHash }, { ...scope, instance: id }, { force: true });
  } catch (error) {
    if (!(error instanceof Problem) || error.code !== 'instanceUnknown') throw error;
  }
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
