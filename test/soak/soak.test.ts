import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, globSync, mkdtempSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { memberOf } from '../../src/cli/running-platform.ts';
import { packSample } from '../../src/cli/tour/packages.ts';
import { removeData } from '../../src/cli/tour/remove-data.ts';
import { listOf, textOf } from '../../src/cli/tour/steps.ts';
import { applications, daemon, running } from '../crash/processes.ts';
import { Victim } from '../crash/victim.ts';

/**
 * Create, upgrade, rollback and delete without a pause: what the platform holds ends where it began. Minutes in
 * OPENSTAGE_SOAK_MINUTES, as `npm run soak` sets them; memory is judged from five minutes on, for before that the
 * collector of garbage has not settled.
 */
const isAll = process.env['OPENSTAGE_TEST_ALL'] === '1';
const minutes = Number(process.env['OPENSTAGE_SOAK_MINUTES'] ?? (isAll ? 1 : 0.2));
const LANES = 2;
const WARM_PART = 1 / 3;
const MEMORY_FROM_MINUTES = 5;
const GROWTH_MOST = 1.1;
const WAL_MOST_BYTES = 64 * 1024 ** 2;
const SETTLE_MOST_MS = 120_000;

interface Held {
  readonly [what: string]: number;
}

test(`${minutes} minutes of creating, upgrading, rolling back and deleting leave nothing behind`, async (t) => {
  const dataDir = mkdtempSync(join(tmpdir(), 'openstage-soak-'));
  chmodSync(dataDir, 0o711);
  const victim = new Victim(dataDir, undefined);
  t.after(async () => {
    await victim.kill('SIGTERM');
    const down = spawnSync(process.execPath, ['bin/openstage.mjs', 'down', '--data-dir', dataDir]);
    assert.equal(down.status, 0, down.stderr.toString());
    assert.deepEqual(cgroupsOf(dataDir), []);
    removeData(dataDir);
  });
  await victim.start();
  const churn = await Churn.prepare(victim);

  const end = performance.now() + minutes * 60_000;
  await churn.until(performance.now() + minutes * 60_000 * WARM_PART);
  const before = await held(victim);
  await churn.until(end);
  const after = await held(victim);
  console.log(
    `${churn.rounds} rounds of ${LANES} lanes; before ${JSON.stringify(before)}, after ${JSON.stringify(after)}`,
  );

  assert.ok(churn.rounds > 0);
  for (const [what, began] of Object.entries(before)) {
    const ended = after[what] ?? 0;
    if (what.startsWith('memory') && minutes < MEMORY_FROM_MINUTES) continue;
    if (what === 'wal') assert.ok(ended <= WAL_MOST_BYTES, `the write-ahead log has ${ended} bytes`);
    // A pool may hold a connection more at one instant than at another.
    else assert.ok(ended <= began * GROWTH_MOST + 3, `${what} grew from ${began} to ${ended}`);
  }
});

class Churn {
  readonly #victim: Victim;
  readonly #instances: string;
  readonly #artifacts: (version: string) => unknown;
  rounds = 0;

  private constructor(victim: Victim, instances: string, artifacts: (version: string) => unknown) {
    this.#victim = victim;
    this.#instances = instances;
    this.#artifacts = artifacts;
  }

  static async prepare(victim: Victim): Promise<Churn> {
    const base = '/v2/{project}/cas';
    const { httpUrl } = victim.platform;
    const addressOf = (version: string) =>
      `${httpUrl}/v1/${victim.project}/packages/hello/${version}/hello.tgz`;
    for (const version of ['1', '2']) {
      const sent = await fetch(addressOf(version), {
        method: 'PUT',
        headers: { 'X-Auth-Token': victim.token, 'Content-Type': 'application/octet-stream' },
        body: new Uint8Array(await packSample(version)),
      });
      assert.equal(sent.status, 200);
    }
    const { body } = await victim.ask('GET', `${base}/applications`);
    const application = textOf(listOf(memberOf(body, 'applications'))[0], 'id');
    const components = `${base}/applications/${application}/components`;
    const artifact = (version: string) => ({
      storage: 'swr',
      type: 'package',
      url: addressOf(version),
      auth: 'iam',
    });
    const component = await victim.ask('POST', components, {
      name: 'soak',
      runtime: 'Nodejs8',
      category: 'Common',
      source: { kind: 'artifact', spec: artifact('1') },
    });
    const instances = `${components}/${textOf(component.body, 'id')}/instances`;
    return new Churn(victim, instances, (version) => ({ 'container-name': artifact(version) }));
  }

  async until(end: number): Promise<void> {
    const lane = async (name: string) => {
      do {
        await this.#round(name);
        this.rounds += 1;
      } while (performance.now() < end);
    };
    await Promise.all(Array.from({ length: LANES }, (_, at) => lane(`lane-${at}`)));
  }

  async #round(name: string): Promise<void> {
    const created = await this.#job('POST', this.#instances, {
      name,
      environment_id: '6e763000-9128-4a9d-adea-34c42cc5344d',
      flavor_id: 'MICRO-5G:0.5C:1G',
      replica: 1,
      artifacts: this.#artifacts('1'),
      version: '1',
      refer_resources: [
        { id: 'b6862a62-d916-11e9-bdf1-0255ac101fd9', type: 'cce' },
        { id: '8c0a45cc-626f-4d65-8257-507ee059aa9a', type: 'elb' },
      ],
    });
    const instance = `${this.#instances}/${textOf(created, 'instance_id')}`;
    await this.#job('PUT', instance, { version: '2', artifacts: this.#artifacts('2') });
    await this.#job('POST', `${instance}/action`, { action: 'rollback', parameters: { version: '1' } });
    await this.#job('DELETE', instance);
  }

  /** Asks for it and waits for its end. */
  async #job(method: string, path: string, body?: unknown): Promise<unknown> {
    const answer = await this.#victim.ask(method, path, body);
    assert.ok(answer.status < 300, `${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    const job = textOf(answer.body, 'job_id');
    for (;;) {
      const asked = await this.#victim.ask('GET', `/v2/{project}/cas/jobs/${job}`);
      const status = textOf(memberOf(asked.body, 'job'), 'EXECUTION_STATUS');
      if (status === 'SUCCEEDED') return answer.body;
      assert.equal(status, 'RUNNING', JSON.stringify(asked.body));
      await pause(100);
    }
  }
}

/** What is held once nothing is under way. */
async function held(victim: Victim): Promise<Held> {
  const { dataDir } = victim;
  const end = performance.now() + SETTLE_MOST_MS;
  while (applications(dataDir).size > 0 || cgroupsOf(dataDir).length > 1) {
    if (performance.now() > end)
      assert.fail(`still there: ${[...applications(dataDir).keys(), ...cgroupsOf(dataDir)].join(', ')}`);
    await pause(100);
  }
  const pids = {
    platform: victim.platform.pid,
    supervisor: daemon('supervisor', dataDir),
    proxy: daemon('proxy', dataDir),
  };
  const wal = join(dataDir, 'openstage.db-wal');
  return {
    ...Object.fromEntries(
      Object.entries(pids).flatMap(([name, pid]) => {
        assert.ok(pid, `the ${name} does not run`);
        return [
          [`memory of the ${name}, in KiB`, pssOf(pid)],
          [`descriptors of the ${name}`, readdirSync(`/proc/${pid}/fd`).length],
        ];
      }),
    ),
    processes: running().filter(({ command }) => command.includes(dataDir)).length,
    cgroups: cgroupsOf(dataDir).length,
    files: globSync(join(dataDir, '**')).length,
    wal: existsSync(wal) ? statSync(wal).size : 0,
  };
}

const pssOf = (pid: number): number =>
  Number(/^Pss:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1]);

/** Directories of the data directory's cgroups, over all controllers of one name once. */
function cgroupsOf(dataDir: string): string[] {
  const home = createHash('sha256').update(dataDir).digest('hex').slice(0, 16);
  const found = globSync(`/sys/fs/cgroup/**/openstage-${home}/{,*}`, { withFileTypes: true });
  const paths = found
    .filter((entry) => entry.isDirectory())
    .map(({ parentPath, name }) => join(parentPath, name));
  return [...new Set(paths.map((path) => path.slice(path.indexOf(home))))];
}
