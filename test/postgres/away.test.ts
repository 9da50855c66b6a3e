import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { Client } from 'pg';
import { FaultStage, until } from '../e2e/faults-stage.ts';
import { crowd, openServer, type DatabaseServer } from './server.ts';

const isAll = process.env['OPENSTAGE_TEST_ALL'] === '1';
const AWAY_MS = 8_000;
const SLOW_MS = 3_000;
const END_MOST_MS = 120_000;
/** Of a server that stands still a request is given up after 15 s, of a lock that is held on after 5. */
const LONGER_MS: Readonly<Record<string, number>> = {
  'stands still': 20_000,
  'has tables that somebody locked': isAll ? 30_000 : 8_000,
};
/** Few, so that others can take them all; three of them are kept for the superuser. */
const CONNECTIONS = 20;

/** What happens to the server, and how it is over. */
const faults: Readonly<Record<string, (server: DatabaseServer) => Promise<() => Promise<unknown>>>> = {
  'is not there': async ({ cluster }) => {
    await cluster.halt('fast');
    return () => cluster.resume();
  },
  'refuses the login': async (server) => {
    await server.admit('local all openstage reject');
    await server.cut();
    return () => server.admit('local all all trust');
  },
  'has no connection left': crowd,
  'has tables that somebody locked': async (server) => {
    const client = new Client({ connectionString: server.url.replace('/postgres?', '/openstage?') });
    await client.connect();
    await client.query('begin');
    await client.query('lock table instances, jobs, tasks, projects, tokens in access exclusive mode');
    return () => client.end();
  },
  'stands still': async (server) => {
    const goOn = server.freeze();
    return async () => goOn();
  },
};

test('whatever keeps the database away for a while, requests are answered meanwhile, jobs wait for it, and all is well after it', async (t) => {
  const server = await openServer({ settings: [`max_connections=${CONNECTIONS}`] });
  if (!server) return;
  const url = await server.own('openstage');
  const stage = await FaultStage.start(t, { url, drop: () => server.cluster.stop() });
  const { httpUrl, pid } = stage.victim.platform;
  const instance = await stage.deploy('kept', await stage.package('0'));
  let version = 0;
  for (const [what, begin] of Object.entries(faults)) {
    version += 1;
    const artifacts = await stage.package(String(version), SLOW_MS);
    const job = await stage.deployer.send('PUT', instance, { version: String(version), artifacts });
    await stage.reached(job, 'AWAIT_HEALTHY');
    const end = await begin(server);
    let refused = 0;
    let slowest = 0;
    try {
      const over = performance.now() + (LONGER_MS[what] ?? AWAY_MS);
      for (; performance.now() < over; await pause(200)) {
        const asked = performance.now();
        const answers = await stage.answers(instance);
        slowest = Math.max(slowest, performance.now() - asked);
        refused += answers.filter((status) => status === 503).length;
        assert.equal((await fetch(`${httpUrl}/healthz`)).status, 200);
        assert.match(await stage.page('kept'), /^\d$/, 'applications do not need the database');
      }
    } finally {
      await end();
    }
    const back = performance.now();
    await until(`ready again after the database ${what}`, async () => (await fetch(`${httpUrl}/readyz`)).ok);
    await until('every request is answered', async () =>
      (await stage.answers(instance)).every((status) => status === 200),
    );
    console.log(
      `the database ${what}: ${refused} requests refused, the slowest round of five after ${(slowest / 1000).toFixed(1)} s; ` +
        `all answered ${((performance.now() - back) / 1000).toFixed(1)} s after its end`,
    );
    assert.ok(refused > 0, `nobody noticed that the database ${what}`);
    await stage.succeeded(job);
    assert.equal(await stage.page('kept'), String(version));
    process.kill(pid, 0);
  }

  const goOn = server.freeze();
  try {
    const over = new AbortController();
    const late = pause(END_MOST_MS, 'it did not end', { signal: over.signal });
    const ended = stage.victim.kill('SIGTERM').then(() => 'ended');
    assert.equal(await Promise.race([ended, late.catch(() => {})]), 'ended');
    over.abort();
  } finally {
    goOn();
  }
});
