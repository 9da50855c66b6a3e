import { join } from 'node:path';
import { buildKeyOf } from '../builds/build-store.ts';
import { runStep } from '../builds/run-step.ts';
import { unpack } from '../builds/unpack.ts';
import { Problem } from '../domain/errors.ts';
import type { Digest } from '../domain/ids.ts';
import { withoutDataDir } from '../domain/launch.ts';
import type { Release } from '../domain/release.ts';
import type { Task } from '../jobs/kind.ts';
import type { BuildContext, Executables, Runtime } from '../runtimes/runtime.ts';
import { updateRelease } from '../store/releases.ts';
import { loadInstance, loadRelease, loadRuntime } from './load-rollout.ts';
import type { Parts } from './parts.ts';

/** Rises when the same package would be built into something else. */
const BUILDER = '2';

/** Makes the package runnable: a sealed directory named by all that went into it, and how it is launched. */
export const buildRelease: Task<Parts> = {
  name: 'build-release',
  async run({ plan, parts, stop, write, progress }) {
    if (!plan.next) return;
    const instance = await loadInstance(parts, plan.instance);
    const release = await loadRelease(parts, instance, plan.next.rollout);
    const { digest, fileName } = release;
    if (release.launch && (await isThere(parts, release))) return;
    if (!digest || fileName === undefined) {
      throw new Problem(
        'artifactUnavailable',
        `The package of release "${release.content.label}" was not resolved; deploy the instance again.`,
      );
    }
    const runtime = await loadRuntime(parts, instance);
    const executables = await parts.locator.find(runtime, fileName);
    const key = buildKeyOf(BUILDER, digest, fileName, runtime.name, ...versionsOf(executables));
    progress(`building ${fileName} for ${runtime.displayName} with ${versionsOf(executables).join(', ')}`);
    const dir = await parts.builds.ensure(key, (empty) =>
      make(parts, { runtime, executables, digest, fileName, dir: empty, stop }),
    );
    const context = await contextOf(parts, { runtime, executables, fileName, dir, stop });
    const launch = withoutDataDir(await runtime.launch(context), parts.grants.dataDir);
    await write((tx) => updateRelease(tx, release.id, { build: key, launch }));
  },
};

/** A build that was lost is made again as long as its package is kept. */
async function isThere(parts: Parts, { build, digest }: Release): Promise<boolean> {
  if (!build || (await parts.builds.use(build))) return true;
  return !digest || !(await parts.artifacts.has(digest));
}

const versionsOf = (executables: Executables): readonly string[] =>
  [...executables.values()].map(({ version }) => version);

interface Making {
  readonly runtime: Runtime;
  readonly executables: Executables;
  readonly fileName: string;
  readonly dir: string;
  readonly stop: AbortSignal;
}

async function make(parts: Parts, making: Making & { readonly digest: Digest }): Promise<void> {
  const { dir, digest, fileName, runtime, stop } = making;
  await unpack({ archive: parts.artifacts.path(digest), fileName, dir: join(dir, 'package'), signal: stop });
  if (!runtime.prepare) return;
  await runtime.prepare(await contextOf(parts, making));
}

async function contextOf(
  parts: Parts,
  { runtime, executables, fileName, dir, stop }: Making,
): Promise<BuildContext> {
  const content = { dir: join(dir, 'package'), fileName };
  return {
    ...content,
    buildDir: dir,
    form: await runtime.recognise(content),
    executables,
    async run(argv, options = {}) {
      const user = await parts.steps.takeUser();
      try {
        return await runStep({
          argv,
          dir,
          signal: stop,
          passedOn: parts.buildVariables,
          fence: parts.steps.fence([...executables.values()].map(({ path }) => path)),
          limits: parts.stepLimits,
          ...options,
          ...(user && { user: user.id }),
        });
      } finally {
        user?.free();
      }
    },
  };
}
