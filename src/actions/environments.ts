import { Problem } from '../domain/errors.ts';
import { environmentId, type EnvironmentId } from '../domain/ids.ts';
import { deployMode, isBaseType, type Resource } from '../domain/resource.ts';
import {
  deleteEnvironment,
  findEnvironment,
  insertEnvironment,
  lockEnvironment,
  replaceEnvironmentResources,
  updateEnvironment,
  type Environment,
} from '../store/environments.ts';
import { UniqueViolation } from '../store/faults.ts';
import { countInstances } from '../store/instance-lists.ts';
import type { Db } from '../store/open.ts';
import { findResourceUse } from '../store/resource-uses.ts';
import { unique } from '../store/tables.ts';
import type { Caller, Services } from './caller.ts';

export interface EnvironmentRequest {
  readonly name: string;
  readonly alias?: string;
  readonly description?: string;
  readonly enterpriseProjectId?: string;
  readonly chargeMode?: string;
  readonly deployMode?: string;
  readonly vpcId: string;
  readonly baseResources: readonly Resource[];
  readonly optionalResources: readonly Resource[];
}

export interface ResourcesRequest {
  readonly addBase: readonly Resource[];
  readonly addOptional: readonly Resource[];
  readonly remove: readonly Resource[];
}

const unknown = (id: EnvironmentId) =>
  new Problem(
    'environmentUnknown',
    `Environment ${id} does not exist in this project; list the environments to see those that do.`,
  );

export async function environmentOf(db: Db, caller: Caller, id: EnvironmentId): Promise<Environment> {
  const found = await findEnvironment(db, caller.project, id);
  if (!found) throw unknown(id);
  return found;
}

export function createEnvironment(
  services: Services,
  caller: Caller,
  request: EnvironmentRequest,
): Promise<Environment> {
  const baseResources = distinct(request.baseResources.map(checkedBase));
  const optionalResources = distinct(request.optionalResources).filter((one) => !isIn(one, baseResources));
  assertBase(baseResources);
  return named(request.name, () =>
    services.store.write(async (tx) => {
      const id = environmentId(services.newId());
      const { alias, description } = request;
      await insertEnvironment(tx, {
        id,
        project: caller.project,
        name: request.name,
        ...(alias !== undefined && { alias }),
        ...(description !== undefined && { description }),
        enterpriseProjectId: request.enterpriseProjectId ?? '0',
        chargeMode: request.chargeMode ?? 'provided',
        deployMode: request.deployMode ?? deployMode(baseResources),
        vpcId: request.vpcId,
        baseResources,
        optionalResources,
        creator: caller.userName,
        createTime: services.now(),
      });
      return environmentOf(tx, caller, id);
    }),
  );
}

/** An absent member stays; an empty text empties. */
export function changeEnvironment(
  services: Services,
  caller: Caller,
  id: EnvironmentId,
  request: Partial<Pick<EnvironmentRequest, 'name' | 'alias' | 'description' | 'enterpriseProjectId'>>,
): Promise<Environment> {
  return named(request.name ?? '', () =>
    services.store.write(async (tx) => {
      if (!(await lockEnvironment(tx, caller.project, id))) throw unknown(id);
      await updateEnvironment(tx, id, { ...request, updateTime: services.now() });
      return environmentOf(tx, caller, id);
    }),
  );
}

export async function removeEnvironment(
  services: Services,
  caller: Caller,
  id: EnvironmentId,
): Promise<void> {
  await services.store.write(async (tx) => {
    if (!(await lockEnvironment(tx, caller.project, id))) throw unknown(id);
    const instances = await countInstances(tx, { project: caller.project, environment: id });
    if (instances > 0) {
      throw new Problem(
        'invalid',
        `Environment ${id} has instances (${instances}) and cannot be deleted; delete them first.`,
      );
    }
    await deleteEnvironment(tx, id);
  });
}

/** Removes first, then adds: clients send the whole old set to remove and the whole new one to add. */
export function changeEnvironmentResources(
  services: Services,
  caller: Caller,
  id: EnvironmentId,
  request: ResourcesRequest,
): Promise<Environment> {
  return services.store.write(async (tx) => {
    const environment = await lockEnvironment(tx, caller.project, id);
    if (!environment) throw unknown(id);
    const stays = (one: Resource) => !isIn(one, request.remove);
    const baseResources = distinct([
      ...environment.baseResources.filter(stays),
      ...request.addBase.map(checkedBase),
    ]);
    const optionalResources = distinct([
      ...environment.optionalResources.filter(stays),
      ...request.addOptional,
    ]);
    assertBase(baseResources);
    const gone = [...environment.baseResources, ...environment.optionalResources].filter(
      (one) => !isIn(one, baseResources) && !isIn(one, optionalResources),
    );
    const use = await findResourceUse(tx, caller.project, id, gone);
    if (use) {
      throw new Problem(
        'invalid',
        `Resource ${use.resource.type} ${use.resource.id} is used by instance ${use.instance} ("${use.name}") and cannot be removed; delete the instance, or change it to another resource, first.`,
      );
    }
    await replaceEnvironmentResources(tx, {
      id,
      project: caller.project,
      baseResources,
      optionalResources: optionalResources.filter((one) => !isIn(one, baseResources)),
    });
    await updateEnvironment(tx, id, { updateTime: services.now() });
    return environmentOf(tx, caller, id);
  });
}

const isSame = (left: Resource, right: Resource) => left.id === right.id && left.type === right.type;
const isIn = (one: Resource, list: readonly Resource[]) => list.some((other) => isSame(one, other));

/** The first of each; the order in which they were given stays. */
function distinct(resources: readonly Resource[]): readonly Resource[] {
  return resources.filter((one, index) => resources.findIndex((other) => isSame(one, other)) === index);
}

function checkedBase(resource: Resource): Resource {
  if (isBaseType(resource.type)) return resource;
  throw new Problem(
    'invalid',
    `Base resource ${resource.id} has type "${resource.type}"; expected cce, cci, ecs or as.`,
  );
}

function assertBase(resources: readonly Resource[]): void {
  if (resources.length > 0) return;
  throw new Problem(
    'noBaseResource',
    'The environment would have no base resource; give at least one of type cce, cci, ecs or as.',
  );
}

async function named<T>(name: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof UniqueViolation) || error.constraint !== unique.environmentName) throw error;
    throw new Problem(
      'environmentNameTaken',
      `An environment named "${name}" (in any case) exists in this project already; choose another name.`,
      {},
      { cause: error },
    );
  }
}
