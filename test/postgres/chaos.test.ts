import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memberOf } from '../../src/cli/running-platform.ts';
import { packSample } from '../../src/cli/tour/packages.ts';
import { listOf, textOf } from '../../src/cli/tour/steps.ts';
import { applications } from '../crash/processes.ts';
import { Random } from '../crash/random.ts';
import { ELSEWHERE } from '../store/postgres-cluster.ts';
import { FaultStage, pause, until } from '../e2e/faults-stage.ts';
import { Lane, type Ground } from './lane.ts';
import { openServer, type DatabaseServer } from './server.ts';
import { StubbornClient } from './stubborn-client.ts';

const isAll = process.env['OPENSTAGE_TEST_ALL'] === '1';
const isLong = process.env['OPENSTAGE_TEST_LONG'] === '1';
const size = isLong
  ? { jobs: 2_000, restarts: 20 }
  : isAll
    ? { jobs: 300, restarts: 3 }
    : { jobs: 40, restarts: 1 };
const CUT_EVERY_MS = 5_000;
const LANES = 12;
/** Lanes whose instances have processes; the others are records alone. */
const REAL_LANES = 2;
/** Of one that is not quiet: each second or third. */
const IMMEDIATE_OF = 3;
const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31));

test(`a database whose connections are cut and that restarts loses no accepted job and does none twice (SEED=${seed})`, async (t) => {
  console.log(`database chaos, SEED=${seed}`);
  const server = await openServer(ELSEWHERE);
  if (!server) return;
  const stage = await FaultStage.start(t, {
    url: server.url,
    drop: () => server.cluster.stop(),
    more: ['--cpu-overcommit', '100', '--memory-overcommit', '10'],
  });
  const { deployer } = stage;
  const { pid, httpUrl } = stage.victim.platform;
  const client = new StubbornClient(httpUrl, deployer.client.token);
  const ground: Ground = {
    client,
    cas: deployer.cas,
    component: await aComponent(stage),
    artifacts: [
      await deployer.upload('hello/1/hello.tgz', await packSample('1')),
      await deployer.upload('hello/2/hello.tgz', await packSample('2')),
    ],
    mayGoOn: () => asked < size.jobs && (asked += 1) > 0,
    jobs: new Map(),
  };
  let asked = 0;
  const lanes = Array.from(
    { length: LANES },
    (_, lane) => new Lane(ground, lane, new Random(seed + lane), lane < REAL_LANES ? 2 : 0),
  );
  const over = new AbortController();
  const faults = fault(
    server,
    new Random(seed - 1),
    { accepted: () => ground.jobs.size, changedAt: () => client.lastChangeAt },
    over.signal,
  );
  const work = Promise.all(lanes.map((lane) => lane.run()));
  // A lane that fails ends the faults too.
  const began = performance.now();
  await work.finally(() => over.abort());
  const { cuts, restarts, recoveries } = await faults;
  console.log(
    `${ground.jobs.size} jobs accepted in ${seconds(performance.now() - began)} s; ${cuts} times all connections cut, ` +
      `${restarts} restarts; ${client.refusals} requests refused with 503 (${client.uncertain} with an unknown outcome); ` +
      `place and writes back ${recoveries.map((ms) => seconds(ms)).join(', ')} s after the server`,
  );
  assert.equal(restarts, size.restarts);
  assert.ok(client.refusals > 0, 'no request ever met a fault');

  await server.cut();
  const lastFault = performance.now();
  await until('the platform is ready', async () => (await fetch(`${httpUrl}/readyz`)).ok);
  await until('one session holds the place', async () => (await server.holders()) === 1);
  console.log(`ready again ${seconds(performance.now() - lastFault)} s after the last cut`);
  process.kill(pid, 0);

  const stored = await server.ask<{ id: string; state: string }>(
    'select id, state from jobs where internal = 0',
  );
  const storedIds = new Set(stored.map(({ id }) => id));
  const lost = [...ground.jobs.keys()].filter((id) => !storedIds.has(id));
  const unasked = [...storedIds].filter((id) => !ground.jobs.has(id));
  assert.deepEqual({ lost, unasked }, { lost: [], unasked: [] }, 'every stored job is one that was answered');
  assert.deepEqual(
    stored.filter(({ state }) => state !== 'succeeded'),
    [],
  );
  const twice = await server.ask(
    'select label, instance_id from releases group by label, instance_id having count(*) > 1',
  );
  assert.deepEqual(twice, [], 'no change was stored twice');

  await until('nothing is left to do', async () => {
    const [row] = await server.ask<{ open: number }>(
      "select count(*)::int as open from jobs where state not in ('succeeded', 'failed')",
    );
    return row?.open === 0;
  });
  for (const { path, version, running } of lanes.flatMap(({ expected }) => expected ?? [])) {
    const { body } = await client.ask('GET', path);
    assert.equal(textOf(body, 'version'), version, path);
    const id = path.split('/').at(-1) ?? '';
    const processes = () =>
      [...applications(stage.victim.dataDir)].filter(([replica]) => replica.startsWith(`${id}/`));
    await until(`${running} replicas of ${id} run`, async () => processes().length === running);
    assert.ok(processes().every(([, each]) => each.length === 1));
    await until(`${running} replicas of ${id} are shown`, async () => {
      const shown = (await client.ask('GET', path)).body;
      return listOf(memberOf(memberOf(shown, 'openstage'), 'replicas')).length === running;
    });
  }
});

const seconds = (ms: number) => (ms / 1000).toFixed(1);

async function aComponent({ deployer }: FaultStage): Promise<string> {
  const { cas } = deployer;
  const listed = await deployer.send('GET', `${cas}/applications`);
  const base = `${cas}/applications/${textOf(listOf(memberOf(listed, 'applications'))[0], 'id')}/components`;
  const made = await deployer.send('POST', base, { name: 'chaos', runtime: 'Nodejs8', category: 'Common' });
  return `${base}/${textOf(made, 'id')}`;
}

/** Cuts all connections by the clock, and restarts the server by how far the work has come. */
async function fault(
  server: DatabaseServer,
  random: Random,
  seen: { readonly accepted: () => number; readonly changedAt: () => number },
  over: AbortSignal,
): Promise<{ readonly cuts: number; readonly restarts: number; readonly recoveries: readonly number[] }> {
  let cuts = 0;
  let restarts = 0;
  const recoveries: number[] = [];
  for (let cutAt = performance.now() + CUT_EVERY_MS; !over.aborted; await pause(50)) {
    const next = ((restarts + 1) * size.jobs) / (size.restarts + 1);
    if (restarts < size.restarts && seen.accepted() >= next) {
      restarts += 1;
      await server.restart(restarts % IMMEDIATE_OF === 2 ? 'immediate' : 'fast');
      const back = performance.now();
      await until('the place is held again', async () => (await server.holders()) === 1);
      await until('changes are accepted again', async () => seen.changedAt() > back || over.aborted);
      recoveries.push(performance.now() - back);
    } else if (performance.now() >= cutAt) {
      cuts += 1;
      await server.cut();
      cutAt = performance.now() + CUT_EVERY_MS * (0.5 + random.next());
    }
  }
  return { cuts, restarts, recoveries };
}
