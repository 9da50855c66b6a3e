import { randomBytes } from 'node:crypto';
import { seal } from '../domain/envelope.ts';
import { variablesOf } from '../domain/grants.ts';
import { platformVariables } from '../domain/platform-variables.ts';
import type { TaskContext } from '../jobs/kind.ts';
import { findApplication } from '../store/applications.ts';
import { findComponent } from '../store/components.ts';
import { findEnvironment } from '../store/environments.ts';
import type { Instance } from '../store/instances.ts';
import { findProject } from '../store/projects.ts';
import { findRollout, setResourceEnv } from '../store/rollouts.ts';
import { loadRelease } from './load-rollout.ts';
import type { Parts } from './parts.ts';

/**
 * What the resources give that a release refers to, as the settings say now, and what the platform itself gives: a
 * rollback or restart makes a rollout of its own and so never revives a password that was changed. Kept with the
 * rollout, since all its replicas must be alike.
 */
export async function resolveResources(
  { parts, write }: TaskContext<Parts>,
  instance: Instance,
  number: number,
): Promise<void> {
  const rollout = await findRollout(parts.store.read, instance.id, number);
  if (rollout?.resourceEnv) return;
  const { content } = await loadRelease(parts, instance, number);
  const project = (await findProject(parts.store.read, instance.project))?.name ?? '';
  const variables = new Map([
    ...variablesOf(parts.grants, project, content.referResources),
    ...(await namesOf(parts, instance, content.label)),
  ]);
  const env = [...variables].map(([name, value]) => ({
    name,
    value: seal(parts.git.key, value, randomBytes(12)),
  }));
  await write((tx) => setResourceEnv(tx, instance.id, number, env));
}

async function namesOf({ store: { read } }: Parts, instance: Instance, version: string) {
  const { project } = instance;
  const application = await findApplication(read, project, instance.application);
  const component = await findComponent(read, project, instance.application, instance.component);
  const environment = await findEnvironment(read, project, instance.environment);
  return platformVariables({
    application: { id: instance.application, name: application?.name ?? '' },
    component: { name: component?.name ?? '' },
    environment: { id: instance.environment, name: environment?.name ?? '' },
    instance,
    version,
  });
}
