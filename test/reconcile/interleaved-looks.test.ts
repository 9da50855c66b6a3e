import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { hostId, type InstanceId } from '../../src/domain/ids.ts';
import { LookClock, type Look } from '../../src/domain/look.ts';
import type { Observed } from '../../src/domain/rollout.ts';
import { forgetReplicas, recordLook } from '../../src/store/observations.ts';
import type { Store } from '../../src/store/open.ts';
import { listReplicas } from '../../src/store/replicas.ts';
import { databases } from '../store/databases.ts';
import { aProject, storeInstance } from '../store/records.ts';

/** What really runs: one replica, which is started anew on another port, or is not there. Ports only ever rise. */
class Target {
  readonly #instance: InstanceId;
  port = 0;
  isThere = false;

  constructor(instance: InstanceId) {
    this.#instance = instance;
  }

  start(): void {
    this.port += 1;
    this.isThere = true;
  }

  see(): readonly Observed[] {
    if (!this.isThere) return [];
    return [
      {
        instance: this.#instance,
        rollout: 1,
        ordinal: 0,
        host: hostId('host-1'),
        address: { host: '127.0.0.1', port: this.port },
        state: 'running',
        restarts: 0,
        readiness: { ready: true, code: 'ready', saw: 'its port' },
        enforced: [],
        runtimeVersion: 'Custom',
      },
    ];
  }
}

type Step =
  /** One of three observers asks, is shown what runs, hears it or writes it: whichever comes next. */
  | { readonly do: 'go on'; readonly observer: number }
  /** A job ends the replica, in two parts, and starts it again. */
  | { readonly do: 'end' | 'forget' | 'start' };

const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: fc.record({ do: fc.constant('go on' as const), observer: fc.nat(2) }) },
    {
      weight: 2,
      arbitrary: fc.record({ do: fc.constantFrom('end' as const, 'forget' as const, 'start' as const) }),
    },
  ),
  { minLength: 20, maxLength: 60 },
);

interface Observer {
  begun?: number;
  seen?: readonly Observed[];
  look?: Look;
}

async function play(store: Store, schedule: readonly Step[]): Promise<void> {
  const { id, project } = await store.write((tx) => storeInstance(tx));
  const clock = new LookClock(0);
  const target = new Target(id);
  const observers: readonly Observer[] = [{}, {}, {}];
  let leastPort = 0;
  let endedAt: number | undefined;
  for (const step of schedule) {
    if (step.do === 'start') target.start();
    else if (step.do === 'end') {
      target.isThere = false;
      endedAt = clock.moment();
    } else if (step.do === 'forget') {
      if (endedAt === undefined) continue;
      const moment = endedAt;
      endedAt = undefined;
      // The replica of that port has ended: from here on its port may be anybody's.
      if (target.isThere) continue;
      await store.write((tx) => forgetReplicas(tx, { instance: id, rollout: 1 }, moment));
      leastPort = target.port + 1;
    } else if ('observer' in step) await goOn(observers[step.observer] ?? {});
    const [known] = await listReplicas(store.read, id);
    const port = known?.address?.port;
    assert(port === undefined || port >= leastPort, `port ${port} is back, which ended before ${leastPort}`);
    if (port !== undefined) leastPort = port;
  }

  async function goOn(observer: Observer): Promise<void> {
    const { begun, seen, look } = observer;
    if (look) {
      delete observer.look;
      await store.write((tx) => recordLook(tx, { id, project }, look, 1));
    } else if (begun === undefined) observer.begun = clock.moment();
    else if (!seen) observer.seen = target.see();
    else {
      observer.look = { begun, ended: clock.moment(), seen };
      delete observer.begun;
      delete observer.seen;
    }
  }
}

for (const { name, create } of databases()) {
  test(`${name}: however looks, ends and starts interleave, no replica is known again under a port that it has left`, async (t) => {
    const store = await (await create(t)).open();
    const numRuns = process.env['OPENSTAGE_TEST_ALL'] === '1' ? 1_000 : 60;
    const seed = process.env['SEED'];
    await fc.assert(
      fc.asyncProperty(steps, (schedule) => play(store, schedule)),
      { numRuns, ...(seed !== undefined && { seed: Number(seed) }) },
    );
  });

  test(`${name}: of looks that are written at the same moment, the newest one stays`, async (t) => {
    const store = await (await create(t)).open();
    const { id } = await store.write((tx) => storeInstance(tx));
    const target = new Target(id);
    const clock = new LookClock(0);
    const looks = Array.from({ length: 20 }, () => {
      target.start();
      return { begun: clock.moment(), seen: target.see(), ended: clock.moment() };
    });
    const shuffled = looks.toSorted((one, other) => ((one.begun * 7) % 41) - ((other.begun * 7) % 41));
    await Promise.all(
      shuffled.map((look) => store.write((tx) => recordLook(tx, { id, project: aProject }, look, 1))),
    );
    assert.deepEqual(await listReplicas(store.read, id), looks.at(-1)?.seen);
  });
}
