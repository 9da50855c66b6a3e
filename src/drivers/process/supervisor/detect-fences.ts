import { execFile } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { promisify } from 'node:util';
import type { Fence, FenceSeen, Unfenced } from '../../../domain/fences.ts';
import { fences } from '../../../domain/fences.ts';
import type { Cgroups } from './cgroup-place.ts';
import { SYSTEM_PATH } from './tools.ts';
import { reasonOf } from './reason.ts';

const run = promisify(execFile);
const TRIAL_MS = 10_000;

/** Finds by trying which fences this machine has; a sentence for each that it has not. */
export async function detectFences(cgroups: Cgroups, unfenced: Unfenced): Promise<readonly FenceSeen[]> {
  const [mounts, processes, ipc] = await Promise.all(
    ['--mount', '--pid', '--ipc'].map((kind) => whyNoNamespace(kind)),
  );
  const limited = (controller: string): string | undefined =>
    cgroups.controllers.includes(controller) ? undefined : whyNoController(controller);
  const lacks: Readonly<Record<Fence, string | undefined>> = {
    users: whyNotRoot(),
    memory: limited('memory'),
    cpu: limited('cpu'),
    pids: limited('pids'),
    kill: cgroups.killsAtOnce ? undefined : 'no cgroup that can be killed or frozen as a whole',
    mounts,
    processes,
    ipc,
    descriptors: process.platform === 'linux' ? undefined : `not done on ${process.platform}`,
    watched: unfenced.has('watched-bounds') ? 'switched off by a test' : whyNotRoot(),
    'oom-score': existsSync('/proc/self/oom_score_adj') ? undefined : 'this kernel has no oom_score_adj',
    'oom-protection': whyNotSpared(),
  };
  return fences.map((fence) => {
    const lack = unfenced.has(fence) ? 'switched off by a test' : lacks[fence];
    return lack === undefined ? { fence } : { fence, lack };
  });
}

const isRoot = (): boolean => process.getuid?.() === 0;

const whyNotRoot = (): string | undefined =>
  isRoot() ? undefined : 'the platform does not run as root, so every application runs as its user';

const whyNoController = (controller: string): string =>
  isRoot()
    ? `no cgroup hierarchy with the controller "${controller}" can be written`
    : `the platform does not run as root, and no cgroup with the controller "${controller}" was given to it`;

async function whyNoNamespace(kind: string): Promise<string | undefined> {
  if (process.platform !== 'linux') return `${process.platform} has none`;
  if (!isRoot()) return 'the platform does not run as root';
  try {
    const options = { env: { PATH: SYSTEM_PATH, LC_ALL: 'C' }, timeout: TRIAL_MS };
    await run('unshare', [kind, '--fork', 'true'], options);
    return undefined;
  } catch (error) {
    return reasonOf(error).trim().split('\n').at(-1) ?? '';
  }
}

/** Between "as every process" and "never": the machine's own services come before us. */
const SPARED = -500;

/** Tries it: the supervisor itself is spared from now on where the kernel lets it. */
function whyNotSpared(): string | undefined {
  try {
    writeFileSync('/proc/self/oom_score_adj', String(SPARED));
    return undefined;
  } catch (error) {
    return `the score of a process cannot be lowered here: ${reasonOf(error)}`;
  }
}
