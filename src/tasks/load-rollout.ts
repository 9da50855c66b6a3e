import { Problem } from '../domain/errors.ts';
import type { HostId, InstanceId } from '../domain/ids.ts';
import type { Placement } from '../domain/placement.ts';
import type { Release } from '../domain/release.ts';
import type { Rollout, RolloutContent } from '../domain/rollout.ts';
import { findRuntime, runtimes } from '../runtimes/all.ts';
import type { Runtime } from '../runtimes/runtime.ts';
import { findComponent } from '../store/components.ts';
import { findEnvironment } from '../store/environments.ts';
import { listHostsAmong } from '../store/hosts.ts';
import { findInstanceEvenDeleted, type Instance } from '../store/instances.ts';
import { findRelease } from '../store/releases.ts';
import type { Db, Tx } from '../store/open.ts';
import { findRollout, findRolloutContent, keepRolloutContent } from '../store/rollouts.ts';
import type { TaskContext } from '../jobs/kind.ts';
import { givenVariables } from './given-variables.ts';
import type { Parts } from './parts.ts';
import { rolloutContent } from './rollout-content.ts';

/** Of the store, or of a transaction on it. */
interface Readers {
  readonly store: { readonly read: Db };
}

/** An instance that a job works on exists, by the job's own existence. */
export async function loadInstance(parts: Pick<Parts, 'store'>, id: InstanceId): Promise<Instance> {
  const instance = await findInstanceEvenDeleted(parts.store.read, id);
  if (!instance)
    throw new Problem(
      'instanceUnknown',
      `Instance ${id} is no longer there; it was removed while its job was open.`,
    );
  return instance;
}

export async function loadRelease(parts: Readers, instance: Instance, rollout: number): Promise<Release> {
  const row = await findRollout(parts.store.read, instance.id, rollout);
  const release = row && (await findRelease(parts.store.read, row.release));
  if (!release)
    throw new Problem(
      'releaseUnknown',
      `Rollout ${rollout} of instance ${instance.id} has no release; deploy the instance again.`,
    );
  return release;
}

export async function loadRuntime(parts: Pick<Parts, 'store'>, instance: Instance): Promise<Runtime> {
  const component = await findComponent(parts.store.read, instance.project, undefined, instance.component);
  if (!component)
    throw new Problem(
      'componentUnknown',
      `Component ${instance.component} is no longer there; it was removed while its job was open.`,
    );
  const runtime = findRuntime(component.runtime);
  if (!runtime) {
    throw new Problem(
      'runtimeMissing',
      `The runtime "${component.runtime}" is not known to this version of the platform; expected one of ${runtimes.map(({ name }) => name).join(', ')}.`,
    );
  }
  return runtime;
}

/** Everything a driver needs to run one rollout: what was kept of it when it began, on the hosts of now. */
export async function loadRollout(
  { parts, write }: Pick<TaskContext<Parts>, 'parts' | 'write'>,
  instance: Instance,
  number: number,
  picked?: readonly HostId[],
): Promise<Rollout> {
  const kept = await findRolloutContent(parts.store.read, instance.id, number);
  const content = kept ?? (await write((tx) => begin(parts, tx, instance, number)));
  // From here on it is about to be started from: nobody collects it.
  await parts.builds.use(content.workload.build);
  return {
    instance: instance.id,
    number,
    placement: await placementOf(parts, instance, picked),
    releaseDir: parts.builds.dir(content.workload.build),
    ...content,
  };
}

/** One that serves and has nothing kept is of the version before: it is worked out as that one started it. */
async function begin(parts: Parts, tx: Tx, instance: Instance, number: number): Promise<RolloutContent> {
  const release = await loadRelease({ store: { read: tx } }, instance, number);
  const row = await findRollout(tx, instance.id, number);
  const isNew = number !== instance.servingRollout;
  const resourceEnv =
    row?.resourceEnv ?? (isNew ? await givenVariables(parts, tx, instance, release.content) : []);
  const content = rolloutContent(parts, release, resourceEnv);
  await keepRolloutContent(tx, instance.id, number, { content, resourceEnv });
  return content;
}

/** On the hosts that a plan picked, or on the instance's own, or on all of its environment. */
export async function placementOf(
  parts: Pick<Parts, 'store'>,
  instance: Instance,
  picked: readonly HostId[] | undefined = instance.hosts,
): Promise<Placement> {
  return {
    on: 'hosts',
    hosts: picked ?? (await hostsOf(parts, instance)),
    ...(instance.uid !== undefined && { user: instance.uid }),
  };
}

/** All of its environment. */
async function hostsOf(
  { store }: Pick<Parts, 'store'>,
  { project, environment }: Instance,
): Promise<readonly HostId[]> {
  const found = await findEnvironment(store.read, project, environment);
  return listHostsAmong(store.read, found?.baseResources ?? []);
}
