import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, test, type TestContext } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import type { InjectOptions } from 'fastify';
import { sql } from 'kysely';
import { Answer, ENVIRONMENT } from '../api/stage.ts';
import { zip } from '../builders/zip.ts';
import { chosenDatabase } from '../store/databases.ts';
import { RunningStage } from './running-stage.ts';

/**
 * One fault at each of the first statements that the store gets while a client deploys, changes and deletes through the
 * API: at those of requests as at those of the worker. OPENSTAGE_TEST_ALL=1: at every one; OPENSTAGE_TEST_LONG=1: at
 * those that come later too.
 */
const isLong = process.env['OPENSTAGE_TEST_LONG'] === '1';
const isAll = process.env['OPENSTAGE_TEST_ALL'] === '1';
const CALLS = isLong ? 300 : 60;
/** In the short forms not each of them has its turn. */
const EACH = isAll || isLong ? 1 : 10;
const SLOW_EACH = isLong ? 1 : 30;
const SLOW_MS = 2_000;
const MOST_MS = 60_000;
const LOOK_MS = 5;

const system = (code: string) => () => {
  throw Object.assign(new Error(`${code}: injected`), { code });
};
const sqlite = (errcode: number, message: string) => () => {
  throw Object.assign(new Error(message), { code: 'ERR_SQLITE_ERROR', errcode });
};

interface Fault {
  readonly name: string;
  readonly strike: () => void;
  /** Counted among these statements alone. */
  readonly among?: RegExp;
  readonly each?: number;
}

const ofEither: readonly Fault[] = [
  { name: 'ENOSPC', strike: system('ENOSPC') },
  { name: 'EIO', strike: system('EIO') },
  { name: 'EIO at a commit', strike: system('EIO'), among: /^commit/ },
  // As node:sqlite is slow: everything else waits too.
  {
    name: 'a statement of 2 s',
    strike: () => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, SLOW_MS),
    each: SLOW_EACH,
  },
];
const ofSqlite: readonly Fault[] = [
  { name: 'SQLITE_BUSY', strike: sqlite(5, 'database is locked') },
  { name: 'SQLITE_FULL', strike: sqlite(13, 'database or disk is full') },
  { name: 'SQLITE_IOERR_FSYNC', strike: sqlite(1034, 'disk I/O error'), among: /^commit/ },
];

/** Strikes once, at the statement with that number. */
class Striker {
  #fault: Fault | undefined;
  #at = 0;
  #seen = 0;
  struck: string | undefined;

  arm(fault: Fault, at: number): void {
    this.#fault = fault;
    this.#at = at;
    this.#seen = 0;
    this.struck = undefined;
  }

  disarm(): void {
    this.#fault = undefined;
  }

  readonly tap = (statement: string): void => {
    const fault = this.#fault;
    if (!fault || (fault.among && !fault.among.test(statement))) return;
    this.#seen += 1;
    if (this.#seen !== this.#at) return;
    this.#fault = undefined;
    this.struck = statement;
    fault.strike();
  };
}

/** A client that repeats what is refused for now, and counts how often it was. */
class Patient {
  readonly running: RunningStage;
  refused = 0;

  constructor(running: RunningStage) {
    this.running = running;
  }

  async ask(method: 'GET' | 'POST' | 'PUT' | 'DELETE', url: string, payload?: object): Promise<Answer> {
    const { stage } = this.running;
    const type = Buffer.isBuffer(payload) ? 'application/octet-stream' : 'application/json';
    const options: InjectOptions = {
      method,
      url,
      headers: { 'x-auth-token': stage.token, ...(payload && { 'content-type': type }) },
      ...(payload && { payload }),
    };
    for (const end = performance.now() + MOST_MS; ;) {
      const answer = new Answer(await stage.api.app.inject(options));
      if (answer.status !== 503) {
        assert.equal(answer.status, 200, `${method} ${url}: ${answer.raw}`);
        return answer;
      }
      assert.equal(answer.problem, '503 SVCSTG.00100503', answer.raw);
      assert.ok(Number(answer.headers['retry-after']) > 0);
      assert.ok(performance.now() < end, `it is refused for ever: ${answer.raw}`);
      this.refused += 1;
    }
  }

  async succeeded(accepted: Answer): Promise<string> {
    const job = accepted.text('job_id');
    for (const end = performance.now() + MOST_MS; ; await pause(LOOK_MS)) {
      const answer = await this.ask('GET', this.running.stage.at(`/jobs/${job}`));
      const status = answer.text('job', 'EXECUTION_STATUS');
      if (status === 'RUNNING') {
        assert.ok(performance.now() < end, `the job does not end: ${answer.raw}`);
        continue;
      }
      assert.equal(status, 'SUCCEEDED', answer.raw);
      for (const state of answer.each('tasks', 'TASK_STATUS')) assert.equal(state, 'SUCCEEDED', answer.raw);
      return job;
    }
  }

  /** Everything from the application to the deletion of its instance; answers the ids of the jobs. */
  async live(): Promise<readonly string[]> {
    const { stage } = this.running;
    const name = `a${randomUUID().slice(0, 8)}`;
    const application = await this.ask('POST', stage.at('/applications'), { name });
    const at = stage.at(`/applications/${application.text('id')}/components`);
    const component = await this.ask('POST', at, { name, runtime: 'Custom', category: 'Common' });
    const instances = `${at}/${component.text('id')}/instances`;
    const packed = async (version: string) => {
      const start = { path: 'start.sh', content: Buffer.from(`#!/bin/sh\n# ${version}\n`), mode: 0o755 };
      const url = `/v1/${stage.project}/packages/web/${name}/web-${version}.zip`;
      await this.ask('PUT', url, zip([start]));
      return { web: { storage: 'swr', type: 'package', url: `http://127.0.0.1:7080${url}` } };
    };
    const created = await this.ask('POST', instances, {
      name,
      environment_id: ENVIRONMENT,
      flavor_id: 'MICRO-5G:0.5C:1G',
      replica: 1,
      version: '1',
      artifacts: await packed('1'),
      refer_resources: [],
    });
    const jobs = [await this.succeeded(created)];
    assert.equal((await this.ask('GET', instances)).at('count'), 1);
    const one = `${instances}/${created.text('instance_id')}`;
    const artifacts = await packed('2');
    jobs.push(await this.succeeded(await this.ask('PUT', one, { version: '2', artifacts })));
    assert.equal((await this.ask('GET', one)).text('version'), '2');
    jobs.push(await this.succeeded(await this.ask('DELETE', one)));
    return jobs;
  }
}

const faults = chosenDatabase().name === 'SQLite' ? [...ofEither, ...ofSqlite] : ofEither;
describe('the store strikes while a client deploys', { concurrency: true }, () => {
  for (const fault of faults) {
    test(`${fault.name} at any statement of a deployment costs a repetition at most, and leaves nothing by halves`, async (t) => {
      const striker = new Striker();
      const running = await RunningStage.open(t, { tap: striker.tap });
      let struck = 0;
      let refused = 0;
      for (let at = 1; at <= CALLS; at += fault.each ?? EACH) {
        const client = new Patient(running);
        striker.arm(fault, at);
        const jobs = await client.live().catch((error: unknown) => {
          throw new Error(`${fault.name} at statement ${at} (${striker.struck})`, { cause: error });
        });
        striker.disarm();
        if (striker.struck === undefined) break;
        struck += 1;
        refused += client.refused;
        assert.ok(client.refused <= 1, `one fault, ${client.refused} refusals: ${striker.struck}`);
        await isWhole(running, jobs, `${fault.name} at statement ${at} (${striker.struck})`);
      }
      assert.ok(struck > 0);
      report(t, fault.name, struck, refused);
    });
  }
});

async function isWhole(
  { stage, driver }: RunningStage,
  jobs: readonly string[],
  when: string,
): Promise<void> {
  const open = await stage.store.read
    .selectFrom('jobs')
    .select('id')
    .where('state', 'in', ['waiting', 'running'])
    .execute();
  assert.deepEqual(open, [], `open jobs after ${when}`);
  assert.deepEqual([...driver.replicas.keys()], [], `replicas after ${when}`);
  const stored = await stage.store.read.selectFrom('jobs').select('id').execute();
  for (const job of jobs) assert.ok(stored.some(({ id }) => id === job));
  assert.equal(stored.length % jobs.length, 0, `jobs that nobody asked for after ${when}`);
  if (chosenDatabase().name !== 'SQLite') return;
  const { rows: dangling } = await sql`pragma foreign_key_check`.execute(stage.store.read);
  assert.equal(dangling.length, 0, when);
  const { rows } = await sql<{ integrity_check: string }>`pragma integrity_check`.execute(stage.store.read);
  assert.equal(rows[0]?.integrity_check, 'ok', when);
}

function report(t: TestContext, fault: string, struck: number, refused: number): void {
  t.diagnostic(`${fault}: ${struck} statements struck, ${refused} requests answered with 503`);
}
