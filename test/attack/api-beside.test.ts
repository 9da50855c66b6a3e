import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { zip } from '../builders/zip.ts';
import { running } from '../crash/processes.ts';
import { until } from '../drivers/process/test-host.ts';
import type { Deployer } from '../e2e/deployer.ts';
import { aPlatform, mayAttack } from './stage.ts';

const CALLS = 300;
const MOST_MS = 10_000;

const packed = (program: string): Buffer =>
  zip(
    Object.entries({
      'package.json': '{"name":"app","version":"1.0.0"}',
      'server.js': `require('http').createServer((_, answer) => answer.end('ok')).listen(process.env.PORT, '127.0.0.1');\n${program}`,
    }).map(([path, text]) => ({ path, content: Buffer.from(text) })),
  );

/** Each child forks again as long as it may; its flavor bounds how many there are. */
const FORKS = `
const { spawn } = require('node:child_process');
const bomb = '$SIG{CHLD} = q(IGNORE); while (1) { fork(); select(undef, undef, undef, 0.01) }';
setTimeout(() => spawn('perl', ['-e', bomb], { stdio: 'ignore' }).on('error', () => {}), 1000);`;
/** In a child, so that the kernel ends that one again and again. */
const MEMORY = `
const { spawn } = require('node:child_process');
const hog = 'my @all; push @all, q(x) x 1048576 while 1';
const again = () => spawn('perl', ['-e', hog], { stdio: 'ignore' }).on('exit', () => setTimeout(again, 50)).on('error', () => setTimeout(again, 50));
setTimeout(again, 1000);`;

/** How long each call took, in milliseconds, sorted. */
async function asked(deployer: Deployer, paths: readonly string[]): Promise<readonly number[]> {
  const took: number[] = [];
  for (let call = 0; call < CALLS; call += 1) {
    const began = performance.now();
    const { status } = await deployer.client.request('GET', paths[call % paths.length] ?? '');
    assert.equal(status, 200);
    took.push(performance.now() - began);
    await wait(10);
  }
  return took.toSorted((a, b) => a - b);
}

const at = (took: readonly number[], share: number) => took[Math.floor((took.length - 1) * share)] ?? 0;

test('the API answers beside applications that fork without end and eat memory', async (t) => {
  if (!mayAttack(t)) return;
  const { deployer } = await aPlatform(t);
  const plain = await deployer.deploy({
    name: 'plain',
    runtime: 'Nodejs8',
    artifacts: await deployer.upload('beside/1/plain.zip', packed('')),
  });
  assert.equal(plain.outcome.status, 'SUCCEEDED', JSON.stringify(plain.outcome));
  const paths = [plain.path, `${deployer.cas}/applications`, `${deployer.cas}/environments`];
  const before = await asked(deployer, paths);
  for (const [name, program] of Object.entries({ forks: FORKS, memory: MEMORY })) {
    const artifacts = await deployer.upload(`beside/1/${name}.zip`, packed(program));
    const { outcome } = await deployer.deploy({ name, runtime: 'Nodejs8', artifacts });
    assert.equal(outcome.status, 'SUCCEEDED', JSON.stringify(outcome));
  }
  const hogs = new Set<number>();
  let forks = 0;
  await until('both attack', () => {
    const all = running();
    for (const { pid, command } of all) if (command.includes('q(x) x 1048576')) hogs.add(pid);
    forks = Math.max(forks, all.filter(({ command }) => command.includes('fork(); select(')).length);
    return forks > 50 && hogs.size > 1;
  });
  const beside = await asked(deployer, paths);
  for (const [what, took] of Object.entries({ before, beside }))
    t.diagnostic(
      `${CALLS} calls ${what}: p50 ${at(took, 0.5).toFixed(1)} ms, p99 ${at(took, 0.99).toFixed(1)} ms`,
    );
  t.diagnostic(`p99 beside over before: ${(at(beside, 0.99) / at(before, 0.99)).toFixed(2)}`);
  assert.ok(at(beside, 1) < MOST_MS);
  // A change of another instance goes through, too.
  const restarted = await deployer.act(plain.path, 'restart');
  assert.equal(restarted.status, 'SUCCEEDED', JSON.stringify(restarted));
});
