import { randomBytes } from 'node:crypto';
import { seal } from '../domain/envelope.ts';
import { variablesOf } from '../domain/grants.ts';
import type { TaskContext } from '../jobs/kind.ts';
import type { Instance } from '../store/instances.ts';
import { findProject } from '../store/projects.ts';
import { findRollout, setResourceEnv } from '../store/rollouts.ts';
import { loadRelease } from './load-rollout.ts';
import type { Parts } from './parts.ts';

/**
 * What the resources give that a release refers to, as the settings say now: a rollback or restart makes a rollout of
 * its own and so never revives a password that was changed. Kept with the rollout, since all its replicas must be alike.
 */
export async function resolveResources(
  { parts, write }: TaskContext<Parts>,
  instance: Instance,
  number: number,
): Promise<void> {
  const { content } = await loadRelease(parts, instance, number);
  if (content.referResources.length === 0) return;
  const rollout = await findRollout(parts.store.read, instance.id, number);
  if (rollout?.resourceEnv) return;
  const project = (await findProject(parts.store.read, instance.project))?.name ?? '';
  const variables = [...variablesOf(parts.grants, project, content.referResources)];
  const env = variables.map(([name, value]) => ({
    name,
    value: seal(parts.git.key, value, randomBytes(12)),
  }));
  await write((tx) => setResourceEnv(tx, instance.id, number, env));
}
