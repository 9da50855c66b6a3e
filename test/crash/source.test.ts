import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { memberOf } from '../../src/cli/running-platform.ts';
import { listOf, textOf } from '../../src/cli/tour/steps.ts';
import { GitServer } from '../builders/git-server.ts';
import { running } from './processes.ts';
import { removeData } from '../../src/cli/tour/remove-data.ts';
import { chosenDatabase } from '../store/databases.ts';
import { Victim } from './victim.ts';

const MOST_MS = 4 * 60_000;

async function until(what: string, isSo: () => Promise<boolean> | boolean): Promise<void> {
  const end = Date.now() + MOST_MS;
  while (!(await isSo())) {
    assert.ok(Date.now() < end, `it never came about that ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

test('a platform killed in the clone and in the build leaves nothing behind, and the job comes to its end', async (t) => {
  process.env['OPENSTAGE_FETCH_ALLOW'] = '127.0.0.1';
  const dataDir = mkdtempSync(join(tmpdir(), 'openstage-crash-build-'));
  chmodSync(dataDir, 0o711);
  // Steps of builds see a /tmp of their own.
  const gate = mkdtempSync(join(process.getuid?.() === 0 ? '/srv' : tmpdir(), 'openstage-gate-'));
  chmodSync(gate, 0o755);
  const { url, drop } = await chosenDatabase().place();
  const victim = new Victim(dataDir, url);
  t.after(async () => {
    await victim.kill('SIGTERM');
    spawnSync(process.execPath, ['bin/openstage.mjs', 'down', '--data-dir', dataDir]);
    await drop();
    for (const dir of [dataDir, gate]) removeData(dir);
  });
  const git = await GitServer.start(t);
  const marker = `51${process.pid}`;
  await git.push('shop/slow', {
    files: {
      'server.js': `require('http').createServer((_, answer) => answer.end('ok')).listen(process.env.PORT, '127.0.0.1');`,
      'build.sh': `sleep ${marker} & while [ ! -e ${gate}/open ]; do sleep 0.1; done; echo through`,
    },
  });
  await victim.start();
  const cas = `/v2/${victim.project}/cas`;
  const applications = (await victim.ask('GET', `${cas}/applications`)).body;
  const base = `${cas}/applications/${textOf(listOf(memberOf(applications, 'applications'))[0], 'id')}/components`;
  const component = await victim.ask('POST', base, {
    name: 'slow',
    runtime: 'Nodejs8',
    category: 'Common',
    source: { kind: 'code', spec: { repo_url: git.url('shop/slow') } },
  });
  // The first answer of the git server never comes: the platform dies in the clone.
  git.intercept = () => true;
  const created = await victim.ask('POST', `${base}/${textOf(component.body, 'id')}/instances`, {
    name: 'slow',
    environment_id: '6e763000-9128-4a9d-adea-34c42cc5344d',
    flavor_id: 'MICRO-5G:0.5C:1G',
    replica: 1,
    version: '1',
    refer_resources: [
      { id: 'b6862a62-d916-11e9-bdf1-0255ac101fd9', type: 'cce', parameters: { namespace: 'default' } },
    ],
  });
  const job = `${cas}/jobs/${textOf(created.body, 'job_id')}`;
  const workspaces = () => readdirSync(join(dataDir, 'builds')).filter((name) => name.startsWith('work-'));
  const builders = () =>
    running().filter(({ variables }) => variables.get('OPENSTAGE_BUILD_STEP')?.startsWith(dataDir));
  const sleepers = () => running().filter(({ command }) => command === `sleep ${marker}`);
  await until('git asks', () => git.requests.length > 0);
  const [cloning] = workspaces();
  await victim.kill();
  git.intercept = undefined;
  await victim.start();
  assert.ok(!workspaces().includes(cloning ?? ''), 'the workspace of the dead clone is still there');

  await until('the build runs', () => sleepers().length > 0);
  const [building] = workspaces();
  const dead = new Set(builders().map(({ pid }) => pid));
  await victim.kill();
  await victim.start();
  assert.ok(!workspaces().includes(building ?? ''), 'the workspace of the dead build is still there');
  assert.deepEqual(
    builders().filter(({ pid }) => dead.has(pid)),
    [],
    'processes of the dead build are still there',
  );
  writeFileSync(join(gate, 'open'), '');
  await until('the job ends', async () => {
    const { body } = await victim.ask('GET', job);
    const word = textOf(memberOf(body, 'job'), 'EXECUTION_STATUS');
    assert.notEqual(word, 'FAILED', JSON.stringify(body));
    return word === 'SUCCEEDED';
  });
  assert.deepEqual(workspaces(), []);
  assert.deepEqual(sleepers(), []);
});
