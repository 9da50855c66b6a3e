import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test, type TestContext } from 'node:test';
import { removeData } from '../../src/cli/tour/remove-data.ts';
import { Handover, handoverWords } from '../../src/drivers/process/supervisor/handover.ts';
import { logOf, never, portRange, TestHost, until, untilReady, WEB } from '../drivers/process/test-host.ts';
import { mayAttack } from './stage.ts';

const USER = 210_165;

/**
 * A file of root's that only a descriptor leads to, and a Node that is started with it open. Node itself keeps what
 * has a low number from what it starts; no other shell than bash opens one of a high number.
 */
function aCarelessStart(t: TestContext) {
  const dir = mkdtempSync('/srv/openstage-canary-');
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  chmodSync(dir, 0o700);
  const canary = join(dir, 'canary');
  writeFileSync(canary, 'of root', { mode: 0o600 });
  const node = join(dir, 'node');
  writeFileSync(node, `#!/bin/bash\nexec 251<${canary}\nexec ${process.execPath} "$@"\n`, { mode: 0o755 });
  return { canary, node };
}

/** Every process of this machine that has the file open. */
const holders = (file: string): readonly string[] =>
  readdirSync('/proc')
    .filter((pid) => Number(pid) > 0)
    .filter((pid) => {
      try {
        return readdirSync(`/proc/${pid}/fd`).some(
          (each) => readlinkSync(`/proc/${pid}/fd/${each}`) === file,
        );
      } catch {
        return false;
      }
    });

const LOOK = ['/bin/sh', '-c', 'ls -l /proc/self/fd >"$HOME/$0"'];

test('what the starter of the supervisor left open reaches no program of a replica', async (t) => {
  if (!mayAttack(t)) return;
  const { canary, node } = aCarelessStart(t);
  const host = new TestHost(t, { node });
  const driver = await host.driver();
  const look = `console.log('sees ' + require('node:child_process').execFileSync('ls', ['-l', '/proc/' + process.pid + '/fd'], { encoding: 'utf8' }).replaceAll('\\n', ' '));`;
  const rollout = host.rollout(`${look}${WEB}`, {
    user: USER,
    postStart: { type: 'command', command: [...LOOK, 'hook'] },
    readiness: { type: 'command', command: [...LOOK, 'probe'], delayMs: 0, timeoutMs: 10_000 },
  });
  await driver.ensure(rollout, 1, never());
  const [replica] = await untilReady(driver, rollout);
  assert.ok(replica);
  const told = await until('it has looked', async () =>
    (await logOf(driver, replica)).find((line) => line.startsWith('sees ')),
  );
  const home = join(host.dataDir, 'replicas', rollout.instance, '1-0', 'own', 'home');
  for (const seen of [
    told ?? '',
    ...['hook', 'probe'].map((name) => readFileSync(join(home, name), 'utf8')),
  ]) {
    assert.match(seen, / 0 -> /);
    assert.ok(!seen.includes('canary'), seen);
  }
  assert.deepEqual(holders(canary), [], 'and the supervisor has let go of it');
});

for (const [what, perl] of [
  ['perl', undefined],
  ['Node', ''],
] as const)
  test(`what becomes an application by ${what} closes what it was not given`, async (t) => {
    if (!mayAttack(t)) return;
    const { canary } = aCarelessStart(t);
    const words = ['-c', `exec 251<${canary}; exec "$@"`, 'bash', ...handoverWords(perl)];
    const child = spawn('/bin/bash', words, { stdio: ['ignore', 'pipe', 'inherit', 'pipe'] });
    const said = child.stdout === null ? Promise.resolve('') : text(child.stdout);
    const handover = new Handover(child);
    await handover.ready;
    handover.give({ cwd: '/', files: [], argv: ['/bin/ls', '-l', '/proc/self/fd'], env: {} });
    await once(child, 'exit');
    handover.drop();
    assert.match(await said, / 0 -> /);
    assert.doesNotMatch(await said, /canary/);
  });

test('what the starter of the platform left open is held by nothing that it starts', async (t) => {
  if (!mayAttack(t)) return;
  const { canary, node } = aCarelessStart(t);
  const dir = mkdtempSync('/srv/openstage-careless-');
  chmodSync(dir, 0o711);
  const { low, high } = portRange();
  const words = ['bin/openstage.mjs', 'serve', '--ephemeral', '--data-dir', join(dir, 'data')];
  const ports = ['http', 'https', 'ingress'].flatMap((each) => [`--${each}-port`, '0']);
  const child = spawn(node, [...words, ...ports, '--app-ports', `${low}-${high}`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  t.after(async () => {
    child.kill('SIGTERM');
    await ended;
    removeData(dir);
  });
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
  await until('it is ready', () => said.includes('is ready') || child.exitCode !== null);
  assert.match(said, /is ready/);
  assert.deepEqual(holders(canary), []);
});
