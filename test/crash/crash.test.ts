import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { memberOf } from '../../src/cli/running-platform.ts';
import { askApp, Load } from '../../src/cli/tour/load.ts';
import { packSample } from '../../src/cli/tour/packages.ts';
import { differenceOf } from './difference.ts';
import { applications, daemon, running, type Daemon } from './processes.ts';
import { Random } from './random.ts';
import { Records } from './records.ts';
import { removeData } from '../../src/cli/tour/remove-data.ts';
import { chosenDatabase } from '../store/databases.ts';
import { Victim } from './victim.ts';

const isAll = process.env['OPENSTAGE_TEST_ALL'] === '1';
const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31));
const isLong = process.env['OPENSTAGE_TEST_LONG'] === '1';
const kills = isLong
  ? { platform: 200, supervisor: 10, proxy: 5 }
  : isAll
    ? { platform: 25, supervisor: 5, proxy: 3 }
    : { platform: 4, supervisor: 1, proxy: 1 };
const SETTLE_MOST_MS = 5 * 60_000;

test(`kills of platform, supervisor and proxy lose nothing and leave nothing behind (SEED=${seed})`, async (t) => {
  console.log(`crash test, SEED=${seed}`);
  const random = new Random(seed);
  const dataDir = mkdtempSync(join(tmpdir(), 'openstage-crash-'));
  chmodSync(dataDir, 0o711);
  const { url, drop } = await chosenDatabase().place();
  const victim = new Victim(dataDir, url);
  t.after(async () => {
    await victim.kill('SIGTERM');
    const down = spawnSync(process.execPath, ['bin/openstage.mjs', 'down', '--data-dir', dataDir], {
      encoding: 'utf8',
    });
    assert.equal(down.status, 0, down.stderr);
    assert.deepEqual(
      running().filter(({ command }) => command.includes(dataDir)),
      [],
    );
    assert.equal(applications(dataDir).size, 0);
    await drop();
    removeData(dataDir);
  });
  await victim.start();
  const world = await World.build(victim, random);

  const load = new Load(victim.platform.ingressUrl, world.steadyHost, 50);
  let isOver = false;
  const records = new Records(victim, random);
  const stream = Promise.all([
    ...[0, 1, 2].map((lane) => world.stream(lane, () => isOver)),
    ...Array.from({ length: 13 }, (_, lane) => records.stream(lane, () => isOver)),
  ]);
  for (let kill = 0; kill < kills.platform; kill += 1) {
    await pause(random.below(1_500));
    await victim.kill();
    if (kill < kills.supervisor) {
      await killDaemon('supervisor', dataDir);
    }
    await pause(random.below(300));
    await victim.start();
  }
  isOver = true;
  await stream;
  const underKills = await load.stop();
  console.log(
    `${kills.platform} kills of the platform, ${kills.supervisor} of the supervisor: ${underKills.sent} requests, ${underKills.failed} failed; ${world.jobs.size} jobs and ${records.changes} changes of records accepted`,
  );
  assert.equal(
    underKills.failed,
    0,
    'requests to a healthy application failed while only platform and supervisor were killed',
  );

  const losses = new Load(victim.platform.ingressUrl, world.steadyHost, 50);
  for (let kill = 0; kill < kills.proxy; kill += 1) {
    await killDaemon('proxy', dataDir);
    await until(
      'the ingress serves again',
      async () => (await askApp(victim.platform.ingressUrl, world.steadyHost)).status === 200,
    );
  }
  const lost = await losses.stop();
  console.log(`${kills.proxy} kills of the proxy: ${lost.sent} requests, ${lost.failed} failed`);

  await until('every accepted job has ended', async () => (await world.openJobs()).length === 0);
  await until(
    'what runs is what the API shows',
    async () => (await world.difference(dataDir)) === undefined,
    () => world.difference(dataDir),
  );
  assert.equal(await records.difference(), undefined);
  assert.deepEqual(existsSync(join(dataDir, 'tmp')) ? readdirSync(join(dataDir, 'tmp')) : [], []);
  if (url !== undefined) return;
  const database = new DatabaseSync(join(dataDir, 'openstage.db'), { readOnly: true });
  assert.equal(memberOf(database.prepare('pragma integrity_check').get(), 'integrity_check'), 'ok');
  database.close();
});

async function killDaemon(kind: Daemon, dataDir: string): Promise<void> {
  const pid = daemon(kind, dataDir);
  if (pid === undefined) return;
  process.kill(pid, 'SIGKILL');
  await until(`a new ${kind} runs or none`, async () => daemon(kind, dataDir) !== pid);
}

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

async function until(
  what: string,
  isSo: () => Promise<boolean>,
  why?: () => Promise<string | undefined>,
): Promise<void> {
  const end = Date.now() + SETTLE_MOST_MS;
  for (;;) {
    try {
      if (await isSo()) return;
    } catch (error) {
      if (Date.now() > end) throw error;
    }
    if (Date.now() > end)
      assert.fail(`It never came about that ${what}: ${(await why?.()) ?? 'no more is known'}.`);
    await pause(100);
  }
}

/** The objects of the test: one instance that is left alone and serves, and lanes of instances that are changed all the time. */
class World {
  readonly jobs = new Set<string>();
  readonly #victim: Victim;
  readonly #random: Random;
  readonly #base: string;
  readonly #component: string;
  readonly #packages: readonly [string, ...string[]];

  private constructor(
    victim: Victim,
    random: Random,
    base: string,
    component: string,
    packages: readonly [string, ...string[]],
  ) {
    this.#victim = victim;
    this.#random = random;
    this.#base = base;
    this.#component = component;
    this.#packages = packages;
  }

  readonly steadyHost = 'steady.default.localhost';

  static async build(victim: Victim, random: Random): Promise<World> {
    const cas = `/v2/${victim.project}/cas`;
    const listed = memberOf((await victim.ask('GET', `${cas}/applications`)).body, 'applications');
    const application = String(memberOf(Array.isArray(listed) ? listed[0] : undefined, 'id'));
    const url = (version: string) =>
      `${victim.platform.httpUrl}/v1/${victim.project}/packages/hello/${version}/hello.tgz`;
    for (const version of ['1', '2', '3-broken']) {
      const body = new Uint8Array(await packSample(version));
      const put = await fetch(url(version), {
        method: 'PUT',
        headers: { 'X-Auth-Token': victim.token },
        body,
      });
      assert.equal(put.status, 200);
    }
    const base = `${cas}/applications/${application}/components`;
    const component = await victim.ask('POST', base, {
      name: 'crashed',
      runtime: 'Nodejs8',
      category: 'Common',
    });
    const world = new World(victim, random, cas, `${base}/${String(memberOf(component.body, 'id'))}`, [
      url('1'),
      url('2'),
      url('3-broken'),
    ]);
    const steady = await world.#create('steady');
    assert.ok(steady);
    await until(
      'the steady instance serves',
      async () => (await askApp(victim.platform.ingressUrl, world.steadyHost)).status === 200,
    );
    return world;
  }

  #artifacts(url: string) {
    return { package: { storage: 'swr', type: 'package', url } };
  }

  #accept({ status, body }: { readonly status: number; readonly body: unknown }): boolean {
    // 409: a job is open; 400 and 404: the state forbids it or it is gone. Nothing else may be answered.
    assert.ok([200, 400, 404, 409].includes(status), `answered with ${status}: ${JSON.stringify(body)}`);
    if (status === 200) this.jobs.add(String(memberOf(body, 'job_id')));
    return status === 200;
  }

  async #create(name: string): Promise<string | undefined> {
    const answer = await this.#victim.ask('POST', `${this.#component}/instances`, {
      name,
      environment_id: '6e763000-9128-4a9d-adea-34c42cc5344d',
      flavor_id: 'MICRO-5G:0.5C:1G',
      replica: 1,
      version: '1',
      artifacts: this.#artifacts(this.#packages[0]),
      refer_resources: [],
    });
    return this.#accept(answer) ? String(memberOf(answer.body, 'instance_id')) : undefined;
  }

  /** One client that changes its own instance again and again, and never gives up on an answer. */
  async stream(lane: number, isOver: () => boolean): Promise<void> {
    let instance: string | undefined;
    let generation = 0;
    while (!isOver()) {
      if (instance === undefined) {
        generation += 1;
        instance = await this.#create(`lane-${lane}-${generation}`);
      } else if (await this.#change(instance)) instance = undefined;
      await pause(this.#random.below(400));
    }
  }

  /** True where the instance was deleted. */
  async #change(instance: string): Promise<boolean> {
    const path = `${this.#component}/instances/${instance}`;
    const act = async (action: string, parameters?: unknown) =>
      this.#accept(
        await this.#victim.ask('POST', `${path}/action`, {
          action,
          ...(parameters !== undefined && { parameters }),
        }),
      );
    switch (this.#random.below(10)) {
      case 0:
        return this.#accept(await this.#victim.ask('DELETE', path));
      case 1:
      case 2:
        await act('scale', { replica: 1 + this.#random.below(3) });
        return false;
      case 3:
        await act('rollback', { version: String(1 + this.#random.below(3)) });
        return false;
      case 4:
        await act(this.#random.pick(['stop', 'start', 'restart']));
        return false;
      default: {
        const version = String(this.#random.below(1_000));
        this.#accept(
          await this.#victim.ask('PUT', path, {
            version,
            artifacts: this.#artifacts(this.#random.pick(this.#packages)),
          }),
        );
        return false;
      }
    }
  }

  async openJobs(): Promise<readonly string[]> {
    const open: string[] = [];
    for (const job of this.jobs) {
      const { body } = await this.#victim.ask('GET', `${this.#base}/jobs/${job}`);
      const status = memberOf(memberOf(body, 'job'), 'EXECUTION_STATUS');
      if (status === 'RUNNING') open.push(job);
      else
        assert.ok(status === 'SUCCEEDED' || status === 'FAILED', `job ${job} reads ${JSON.stringify(body)}`);
    }
    return open;
  }

  /** How what runs differs from what the API shows; undefined where it does not. */
  async difference(dataDir: string): Promise<string | undefined> {
    return differenceOf(await this.#shownReplicas(), dataDir);
  }

  async #shownReplicas(): Promise<ReadonlySet<string>> {
    const listed = memberOf(
      (await this.#victim.ask('GET', `${this.#component}/instances`)).body,
      'instances',
    );
    const shown = new Set<string>();
    for (const item of Array.isArray(listed) ? listed : []) {
      const id = String(memberOf(item, 'id'));
      const { body } = await this.#victim.ask('GET', `${this.#component}/instances/${id}`);
      const replicas = memberOf(memberOf(body, 'openstage'), 'replicas');
      for (const replica of Array.isArray(replicas) ? replicas : []) {
        shown.add(`${id}/${String(memberOf(replica, 'rollout'))}/${String(memberOf(replica, 'ordinal'))}`);
      }
    }
    return shown;
  }
}
