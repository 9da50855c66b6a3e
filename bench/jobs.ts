import { randomUUID } from 'node:crypto';
import { closeSync, fdatasyncSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { instanceId, projectId } from '../src/domain/ids.ts';
import { systemClock } from '../src/jobs/clock.ts';
import { createEngine } from '../src/jobs/engine.ts';
import { taskNamesOf, type Kind } from '../src/jobs/kind.ts';
import { openJob, randomJobIds } from '../src/jobs/open-job.ts';
import { openStore, type Store } from '../src/store/open.ts';
import type { Figure } from './figure.ts';
import { makeDirectory } from './platform.ts';
import { median, perSecond, times } from './statistics.ts';

const ROUNDS = 7;
const JOBS = 1_000;
/** Jobs that are asked for at a time. */
const IN_FLIGHT = 32;
const FLUSHES = 1_000;
const PAGE_BYTES = 4_096;

/** Jobs of five tasks that do nothing, so that what is left is the engine and its journal on the disk. */
export const jobs: Figure = {
  name: 'jobs',
  async measure() {
    const directory = makeDirectory();
    const store = await openStore({ dataDir: directory, log: silent });
    try {
      const rates: number[] = [];
      const flushes: number[] = [];
      for (let round = 0; round <= ROUNDS; round += 1) {
        const flushRate = flushesPerSecond(directory);
        const rate = await jobsPerSecond(store);
        if (round === 0) continue;
        flushes.push(flushRate);
        rates.push(rate);
      }
      const rate = median(rates);
      const flushRate = median(flushes);
      return [
        {
          what: `jobs of five tasks on a driver that does nothing, ${IN_FLIGHT} in flight`,
          measured: perSecond(rate),
          beside: `flushes of the same disk ${perSecond(flushRate)}`,
          ratio: times(rate / flushRate),
        },
      ];
    } finally {
      await store.close();
      rmSync(directory, { recursive: true, force: true });
    }
  },
};

const silent = { info: () => {}, warn: () => {}, error: () => {} };

async function jobsPerSecond(store: Store): Promise<number> {
  const ended = new Map<string, () => void>();
  const kind: Kind<undefined> = {
    name: 'restart-instance',
    tasks: ['check', 'resolve', 'provision', 'await', 'switch'].map((name) => ({
      name,
      run: () => Promise.resolve(),
    })),
    // Seen when its transaction has been run; the last jobs' commits are waited for below.
    succeeded: (_tx, job) => Promise.resolve(ended.get(job.instance)?.()),
    failed: (_tx, job, problem) => Promise.reject(new Error(`Job ${job.id} failed: ${problem.message}`)),
  };
  const engine = createEngine({
    store,
    clock: systemClock,
    node: 'bench',
    run: randomUUID(),
    kinds: [kind],
    parts: undefined,
    log: silent,
    limits: { parallel: IN_FLIGHT },
  });
  engine.start();
  let left = JOBS;
  const begun = performance.now();
  await Promise.all(
    Array.from({ length: IN_FLIGHT }, async () => {
      while (left > 0) {
        left -= 1;
        const instance = instanceId(randomUUID());
        const isEnded = new Promise<void>((resolve) => ended.set(instance, resolve));
        await store.write((tx) =>
          openJob(tx, {
            kind: kind.name,
            plan: { instance, project, replicas: 1, previousReplicas: 1 },
            project,
            instance,
            createdBy: 'bench',
            ids: randomJobIds,
            taskNames: taskNamesOf(kind),
            now: Date.now(),
          }),
        );
        engine.wake();
        await isEnded;
      }
    }),
  );
  // Behind the last job's own commit.
  await store.write(async () => {});
  const rate = (JOBS / (performance.now() - begun)) * 1000;
  await engine.stop();
  return rate;
}

const project = projectId('bench');

/** One after the other, each of a page, as a journal that shares no flush would. */
function flushesPerSecond(directory: string): number {
  const file = join(directory, 'flushes');
  const descriptor = openSync(file, 'w');
  const page = Buffer.alloc(PAGE_BYTES, 1);
  const begun = performance.now();
  for (let flush = 0; flush < FLUSHES; flush += 1) {
    writeSync(descriptor, page);
    fdatasyncSync(descriptor);
  }
  const rate = (FLUSHES / (performance.now() - begun)) * 1000;
  closeSync(descriptor);
  rmSync(file);
  return rate;
}
