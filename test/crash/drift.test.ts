import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { memberOf } from '../../src/cli/running-platform.ts';
import { askApp } from '../../src/cli/tour/load.ts';
import { removeData } from '../../src/cli/tour/remove-data.ts';
import { listOf } from '../../src/cli/tour/steps.ts';
import { zip } from '../builders/zip.ts';
import { Deployer } from '../e2e/deployer.ts';
import { pause, until, usersOfItsOwn } from '../e2e/faults-stage.ts';
import { chosenDatabase } from '../store/databases.ts';
import { differenceOf } from './difference.ts';
import { applications, daemon, type Daemon } from './processes.ts';
import { Random } from './random.ts';
import { Victim } from './victim.ts';

const isAll = process.env['OPENSTAGE_TEST_ALL'] === '1';
const isLong = process.env['OPENSTAGE_TEST_LONG'] === '1';
const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31));
const DRIFTS = isLong ? 300 : isAll ? 40 : 4;
const INSTANCES = 6;
const REPLICAS = 2;

/** It answers, but at its own wish closes its port and lives on, or hangs. */
const SERVER = `
const server = require('http').createServer((request, answer) => {
  answer.end(process.env.OPENSTAGE_REPLICA, () => request.url === '/close' && server.close());
  if (request.url === '/close') server.closeAllConnections();
});
server.listen(process.env.PORT, '127.0.0.1');
setInterval(() => {}, 60_000);
`;

/** What may happen to a replica behind the platform's back, or to what looks after it. */
const kinds = [
  'its process is killed',
  'its holder is killed',
  'its port is closed',
  'it is stopped',
  'its record is removed and the supervisor killed',
  'the supervisor is killed',
  'the proxy is killed',
] as const;

test(`what drifts from what is wanted is put right, with the platform up or down (SEED=${seed})`, async (t) => {
  console.log(`drift, SEED=${seed}`);
  const random = new Random(seed);
  const dataDir = mkdtempSync(join(tmpdir(), 'openstage-drift-'));
  chmodSync(dataDir, 0o711);
  const { url, drop } = await chosenDatabase().place();
  const victim = new Victim(dataDir, url);
  t.after(async () => {
    await victim.kill('SIGTERM');
    const down = spawnSync(process.execPath, ['bin/openstage.mjs', 'down', '--data-dir', dataDir]);
    assert.equal(down.status, 0, down.stderr.toString());
    await drop();
    removeData(dataDir);
  });
  // Who is stopped does not hear SIGTERM, and is given all of this time.
  const own = ['--app-users', usersOfItsOwn(), '--stop-grace', '2s'];
  await victim.start(undefined, own);
  const field = await Field.build(victim);

  const took = new Map<string, number[]>();
  for (let drift = 0; drift < DRIFTS; drift += 1) {
    const kind = random.pick(kinds);
    const isUp = random.below(2) === 0;
    const what = `drift ${drift}: ${kind} while the platform is ${isUp ? 'up' : 'down'}`;
    if (!isUp) await victim.kill();
    await field.disturb(kind, random);
    await pause(random.below(300));
    if (!isUp) await victim.start(undefined, own);
    const began = performance.now();
    await until(
      what,
      () => field.isRight(),
      async () => `${await field.wrong()}`,
    );
    const row = `${kind}, platform ${isUp ? 'up' : 'down'}`;
    took.set(row, [...(took.get(row) ?? []), performance.now() - began]);
  }
  for (const [row, all] of took)
    t.diagnostic(`${row}: ${all.length} times, put right in ${at(all, 0.5)} ms (p50), ${at(all, 1)} at most`);
  // What is right stays right: no repair of before is still to come.
  await until('no job is open', () => field.isQuiet());
  assert.equal(await field.wrong(), undefined);
});

const at = (all: readonly number[], share: number) =>
  Math.round(all.toSorted((a, b) => a - b)[Math.min(all.length - 1, Math.floor(all.length * share))] ?? 0);

type Kind = (typeof kinds)[number];

/** Instances with two replicas each, whose liveness is asked for. */
class Field {
  readonly #victim: Victim;
  readonly #instances: ReadonlyMap<string, string>;

  private constructor(victim: Victim, instances: ReadonlyMap<string, string>) {
    this.#victim = victim;
    this.#instances = instances;
  }

  static async build(victim: Victim): Promise<Field> {
    const deployer = await Deployer.open(victim.dataDir);
    const files = { 'package.json': '{"name":"drift","version":"1.0.0"}', 'server.js': SERVER };
    const entries = Object.entries(files).map(([path, text]) => ({ path, content: Buffer.from(text) }));
    const artifacts = await deployer.upload('drift/1/drift.zip', zip(entries));
    const livenessProbe = { type: 'http', parameters: { port: 8080, path: '/' }, timeout: 1 };
    const instances = new Map<string, string>();
    for (let index = 0; index < INSTANCES; index += 1) {
      const name = `drift-${index}`;
      const { path, outcome } = await deployer.deploy({
        name,
        runtime: 'Nodejs8',
        artifacts,
        replica: REPLICAS,
        more: { configuration: { probes: { livenessProbe } } },
      });
      assert.equal(outcome.status, 'SUCCEEDED', JSON.stringify(outcome));
      instances.set(name, path);
    }
    return new Field(victim, instances);
  }

  async disturb(kind: Kind, random: Random): Promise<void> {
    const { dataDir } = this.#victim;
    const all = [...applications(dataDir)].flatMap(([mark, [running]]) =>
      running ? [{ mark, running }] : [],
    );
    const [first, ...others] = all;
    assert.ok(first, 'no application runs');
    const { mark, running } = random.pick([first, ...others]);
    const [instance = '', rollout, ordinal] = mark.split('/');
    const directory = join(dataDir, 'replicas', instance, `${rollout}-${ordinal}`);
    switch (kind) {
      case 'its process is killed':
        return void process.kill(running.pid, 'SIGKILL');
      case 'its holder is killed':
        return void process.kill(holderOf(directory) ?? running.pid, 'SIGKILL');
      case 'its port is closed': {
        const port = running.variables.get('PORT');
        return void (await (await fetch(`http://127.0.0.1:${port}/close`)).text());
      }
      case 'it is stopped':
        return void process.kill(running.pid, 'SIGSTOP');
      case 'its record is removed and the supervisor killed': {
        rmSync(join(directory, 'state.json'));
        return killDaemon('supervisor', dataDir);
      }
      case 'the supervisor is killed':
        return killDaemon('supervisor', dataDir);
      case 'the proxy is killed':
        return killDaemon('proxy', dataDir);
    }
  }

  async isRight(): Promise<boolean> {
    return (await this.wrong()) === undefined;
  }

  /** What is not as wanted: each replica runs once and answers at the ingress, and nothing else runs. */
  async wrong(): Promise<string | undefined> {
    const shown = new Set<string>();
    for (const path of this.#instances.values()) {
      const { body } = await this.#victim.ask('GET', path);
      for (const each of listOf(memberOf(memberOf(body, 'openstage'), 'replicas')))
        shown.add(
          `${path.split('/').at(-1)}/${String(memberOf(each, 'rollout'))}/${String(memberOf(each, 'ordinal'))}`,
        );
    }
    if (shown.size !== INSTANCES * REPLICAS) return `shown are ${[...shown].join(', ')}`;
    const difference = differenceOf(shown, this.#victim.dataDir);
    if (difference !== undefined) return difference;
    for (const name of this.#instances.keys()) {
      const answered = new Set<string>();
      for (let ask = 0; ask < REPLICAS * 4; ask += 1) answered.add(await this.#answerOf(name));
      const stray = [...answered].filter((each) => !shown.has(each));
      if (answered.size !== REPLICAS || stray.length > 0)
        return `${name} answers ${[...answered].join(', ')}`;
    }
    return undefined;
  }

  async #answerOf(name: string): Promise<string> {
    try {
      const { ingressUrl } = this.#victim.platform;
      const { status, text } = await askApp(ingressUrl, `${name}.default.localhost`, undefined);
      return status === 200 ? text : `HTTP ${status} ${text}`;
    } catch (error) {
      return String(error);
    }
  }

  async isQuiet(): Promise<boolean> {
    for (const path of this.#instances.values()) {
      const { body } = await this.#victim.ask('GET', path);
      if (memberOf(memberOf(body, 'status_detail'), 'status') !== 'RUNNING') return false;
    }
    return true;
  }
}

/** The first process of the namespaces that the application is in; without root there are none. */
function holderOf(directory: string): number | undefined {
  const state: unknown = JSON.parse(readFileSync(join(directory, 'state.json'), 'utf8'));
  const pid = memberOf(memberOf(state, 'holder'), 'pid');
  return typeof pid === 'number' ? pid : undefined;
}

async function killDaemon(kind: Daemon, dataDir: string): Promise<void> {
  const pid = daemon(kind, dataDir);
  // It was killed a moment ago, and nobody looks after it while the platform is down.
  if (pid === undefined) return;
  process.kill(pid, 'SIGKILL');
  await until(`the ${kind} ended`, async () => daemon(kind, dataDir) !== pid);
}
