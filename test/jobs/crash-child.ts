import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { randomUUID } from 'node:crypto';
import { Problem } from '../../src/domain/errors.ts';
import { systemClock } from '../../src/jobs/clock.ts';
import { crashAt } from '../../src/jobs/crash-points.ts';
import { createEngine } from '../../src/jobs/engine.ts';
import { listHeld, listWaiting } from '../../src/store/job-leases.ts';
import { openStore } from '../../src/store/open.ts';
import { type Script, scriptedKind } from './scripted-kind.ts';
import { until } from './until.ts';

/** Works off the jobs of a data directory, then exits; killed at the named crash point. Effects are lines of a file. */
const [dataDir = '', named = '', isFailing = ''] = process.argv.slice(2);

const effect =
  (line: string): Script =>
  async () => {
    // Long enough for a kill in its midst.
    await new Promise((resolve) => setTimeout(resolve, named.startsWith('during:') ? 30 : 0));
    appendFileSync(join(dataDir, 'effects'), `${line}\n`);
  };

const tasks = (failing: boolean) => [
  { name: 'a', run: effect('a'), undo: effect('undo a') },
  { name: 'b', run: effect('b'), undo: effect('undo b') },
  {
    name: 'c',
    run: async (context: Parameters<Script>[0]) => {
      await effect('c')(context);
      if (failing) throw new Problem('neverHealthy', 'It never answered.');
    },
  },
];

const store = await openStore({ dataDir, log: { warn: () => {} } });
const engine = createEngine<Script[]>({
  store,
  clock: systemClock,
  node: 'node-1',
  run: randomUUID(),
  kinds: [
    scriptedKind(tasks(isFailing === 'failing'), [], {
      succeeded: async (tx) =>
        void (await tx.insertInto('facts').values({ name: 'ended', value: 'well' }).execute()),
      failed: async (tx) =>
        void (await tx.insertInto('facts').values({ name: 'ended', value: 'badly' }).execute()),
    }),
  ],
  parts: [],
  log: { info: () => {}, warn: () => {}, error: () => {} },
  crashPoint: crashAt(named),
});
engine.start();
await until('all jobs to end', async () => {
  const open = [...(await listHeld(store.read, 10)), ...(await listWaiting(store.read, 10))];
  return open.length === 0;
});
await engine.stop();
await store.close();
