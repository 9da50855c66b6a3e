import type { StepFence, StepFenceSeen } from '../domain/fences.ts';
import { stepFences } from '../domain/fences.ts';
import { meansFor } from './confine.ts';
import { makeStepCgroup } from './step-cgroup.ts';

const MIB = 1024 * 1024;
/** Small ones: what is tried is whether there are any. */
const TRIAL = { tasks: 64, fileBytes: MIB, sharedBytes: MIB, tmp: '/tmp', hides: [], shows: [], joins: [] };
const NOT_ROOT = 'the platform does not run as root';

/** Finds by trying which fences this host has for build steps; a sentence for each that it has not. */
export async function detectStepFences(
  user: number | undefined,
  family: string,
  isOff: boolean,
): Promise<readonly StepFenceSeen[]> {
  const means = await meansFor({ ...TRIAL, ...(user !== undefined && { user }) });
  const cgroup =
    user === undefined
      ? undefined
      : await makeStepCgroup({ memoryBytes: 64 * MIB, tasks: TRIAL.tasks }, family);
  const controllers = cgroup?.controllers ?? [];
  await cgroup?.end();
  const noNamespace = 'namespaces cannot be made with unshare, setpriv, choom and prlimit of util-linux';
  const limited = (controller: string): string | undefined =>
    controllers.includes(controller)
      ? undefined
      : user === undefined
        ? NOT_ROOT
        : `no cgroup with the controller "${controller}" can be made`;
  const lacks: Readonly<Record<StepFence, string | undefined>> = {
    'step-users': user === undefined ? `${NOT_ROOT}, so build steps run as its user` : undefined,
    'step-mounts': means === 'mounts' ? undefined : user === undefined ? NOT_ROOT : noNamespace,
    'step-processes': means === 'none' ? noNamespace : undefined,
    'step-memory': limited('memory'),
    'step-pids': limited('pids'),
  };
  return stepFences.map((fence) => {
    // Users stay where a test takes the others away.
    const lack = isOff && fence !== 'step-users' ? 'switched off by a test' : lacks[fence];
    return lack === undefined ? { fence } : { fence, lack };
  });
}
