import { Problem } from '../domain/errors.ts';
import { applicationId, type ApplicationId, type EnvironmentId, type JobId } from '../domain/ids.ts';
import type { Variable } from '../domain/request.ts';
import { FINISH } from '../jobs/kind.ts';
import {
  deleteApplication,
  deleteApplicationConfiguration,
  findApplication,
  insertApplication,
  listApplicationConfigurations,
  lockApplication,
  updateApplication,
  upsertApplicationConfiguration,
  type Application,
  type ApplicationConfiguration,
} from '../store/applications.ts';
import { countLiveComponents } from '../store/components.ts';
import { holdEnvironment } from '../store/environments.ts';
import { UniqueViolation } from '../store/faults.ts';
import { insertSettledJob } from '../store/jobs.ts';
import type { Db, Tx } from '../store/open.ts';
import { unique } from '../store/tables.ts';
import type { Caller, Services } from './caller.ts';
import { sealVariables } from './seal-variables.ts';
import { assertVariables } from '../domain/variables.ts';

export interface ApplicationRequest {
  readonly name: string;
  readonly description?: string;
  readonly enterpriseProjectId?: string;
}

const DEFAULT_ENTERPRISE_PROJECT = '0';

const unknown = (id: ApplicationId) =>
  new Problem(
    'applicationUnknown',
    `Application ${id} does not exist in this project; list the applications to see those that do.`,
  );

export async function applicationOf(db: Db, caller: Caller, id: ApplicationId): Promise<Application> {
  const found = await findApplication(db, caller.project, id);
  if (!found) throw unknown(id);
  return found;
}

export function createApplication(
  services: Services,
  caller: Caller,
  request: ApplicationRequest,
): Promise<Application> {
  return named(request.name, () =>
    services.store.write(async (tx) => {
      const id = applicationId(services.newId());
      await insertApplication(tx, {
        id,
        project: caller.project,
        name: request.name,
        ...(request.description !== undefined && { description: request.description }),
        enterpriseProjectId: request.enterpriseProjectId ?? DEFAULT_ENTERPRISE_PROJECT,
        creator: caller.userName,
        createTime: services.now(),
      });
      return applicationOf(tx, caller, id);
    }),
  );
}

/** An absent member stays; an empty description empties. */
export function changeApplication(
  services: Services,
  caller: Caller,
  id: ApplicationId,
  request: Partial<Pick<ApplicationRequest, 'name' | 'description'>>,
): Promise<Application> {
  return named(request.name ?? '', () =>
    services.store.write(async (tx) => {
      await locked(tx, caller, id);
      await updateApplication(tx, id, { ...request, updateTime: services.now() });
      return applicationOf(tx, caller, id);
    }),
  );
}

/** To another enterprise project; which those are is nobody's matter here. The job that is answered has succeeded already. */
export async function moveApplication(
  services: Services,
  caller: Caller,
  id: ApplicationId,
  enterpriseProjectId: string,
): Promise<JobId> {
  const job = services.jobIds.job();
  const now = services.now();
  await services.store.write(async (tx) => {
    await locked(tx, caller, id);
    await updateApplication(tx, id, { enterpriseProjectId, updateTime: now });
    await insertSettledJob(
      tx,
      {
        id: job,
        project: caller.project,
        kind: 'move-application',
        createdBy: caller.user,
        createTime: now,
      },
      { id: services.jobIds.task(), name: FINISH },
    );
  });
  return job;
}

export async function removeApplication(
  services: Services,
  caller: Caller,
  id: ApplicationId,
): Promise<void> {
  await services.store.write(async (tx) => {
    await locked(tx, caller, id);
    const components = await countLiveComponents(tx, id);
    if (components > 0) {
      throw new Problem(
        'invalid',
        `Application ${id} has components (${components}) and cannot be deleted; delete them first.`,
      );
    }
    await deleteApplication(tx, id);
  });
}

/** Replaces the variables that instances deployed later in that environment inherit. */
export async function setApplicationConfiguration(
  services: Services,
  caller: Caller,
  id: ApplicationId,
  environment: EnvironmentId,
  variables: readonly Variable[],
): Promise<ApplicationConfiguration> {
  return services.store.write(async (tx) => {
    await locked(tx, caller, id);
    if (!(await holdEnvironment(tx, caller.project, environment))) {
      throw new Problem(
        'environmentUnknown',
        `environment_id ${environment} does not exist in this project; list the environments to see those that do.`,
      );
    }
    const [stored] = await listApplicationConfigurations(tx, id, environment);
    const env = sealVariables(services, variables, stored?.env ?? []);
    assertVariables(env, 'The variables of the application (configuration.env)');
    const configuration = { application: id, environment, project: caller.project, env };
    await upsertApplicationConfiguration(tx, configuration);
    return configuration;
  });
}

/** Not there is as good as removed, so that a deletion can be repeated. */
export async function removeApplicationConfiguration(
  services: Services,
  caller: Caller,
  id: ApplicationId,
  environment: EnvironmentId,
): Promise<void> {
  await services.store.write(async (tx) => {
    await locked(tx, caller, id);
    await deleteApplicationConfiguration(tx, id, environment);
  });
}

async function locked(tx: Tx, caller: Caller, id: ApplicationId): Promise<void> {
  if (!(await lockApplication(tx, caller.project, id))) throw unknown(id);
}

async function named<T>(name: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof UniqueViolation) || error.constraint !== unique.applicationName) throw error;
    throw new Problem(
      'applicationNameTaken',
      `An application named "${name}" exists in this project already; choose another name.`,
      {},
      { cause: error },
    );
  }
}
