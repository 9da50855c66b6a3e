import { Problem } from '../domain/errors.ts';
import type { SealedVariable } from '../domain/envelope.ts';
import { limitsOf } from '../domain/flavor.ts';
import type { HostId, InstanceId } from '../domain/ids.ts';
import { withEntrypoint } from '../domain/lifecycle.ts';
import type { Placement } from '../domain/placement.ts';
import type { Release, ReleaseContent } from '../domain/release.ts';
import type { Rollout } from '../domain/rollout.ts';
import { findRuntime, runtimes } from '../runtimes/all.ts';
import type { Runtime } from '../runtimes/runtime.ts';
import { findComponent } from '../store/components.ts';
import { findEnvironment } from '../store/environments.ts';
import { listHostsAmong } from '../store/hosts.ts';
import { findInstanceEvenDeleted, type Instance } from '../store/instances.ts';
import { findRelease } from '../store/releases.ts';
import { findRollout } from '../store/rollouts.ts';
import type { Parts } from './parts.ts';

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

export async function loadRelease(
  parts: Pick<Parts, 'store'>,
  instance: Instance,
  rollout: number,
): Promise<Release> {
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

/** Everything a driver needs to run one rollout. */
export async function loadRollout(
  parts: Parts,
  instance: Instance,
  number: number,
  picked?: readonly HostId[],
): Promise<Rollout> {
  const { content, build, launch } = await loadRelease(parts, instance, number);
  if (!build || !launch) {
    throw new Problem(
      'releaseUnknown',
      `The release "${content.label}" of instance ${instance.id} was never built; deploy the instance again.`,
    );
  }
  const given = (await findRollout(parts.store.read, instance.id, number))?.resourceEnv ?? [];
  return {
    instance: instance.id,
    number,
    placement: await placementOf(parts, instance, picked),
    workload: {
      form: 'directory',
      build,
      launch: withEntrypoint(launch, content.lifecycle?.entrypoint),
    },
    releaseDir: parts.builds.dir(build),
    env: lastOfEachName([...given, ...content.inheritedEnv, ...content.env]),
    limits: limitsOf(content.flavorId),
    ...(content.readiness && { readiness: content.readiness }),
    ...(content.liveness && { liveness: content.liveness }),
    ...(content.lifecycle?.postStart && { postStart: content.lifecycle.postStart }),
    ...(content.lifecycle?.preStop && { preStop: content.lifecycle.preStop }),
    ...volumesOf(content),
    graceMs: parts.limits.stopGraceMs,
  };
}

/** Storage and directories of logs are mounted alike. */
export function volumesOf({ volumes = [], logs = [] }: ReleaseContent): Pick<Rollout, 'volumes'> {
  return volumes.length + logs.length > 0 ? { volumes: [...volumes, ...logs] } : {};
}

/** The user's own variable wins over the application's, and that one over a resource's. */
function lastOfEachName(variables: readonly SealedVariable[]): readonly SealedVariable[] {
  const last = new Map(variables.map((variable) => [variable.name, variable]));
  return variables.filter((variable) => last.get(variable.name) === variable);
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
