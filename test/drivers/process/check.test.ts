import assert from 'node:assert/strict';
import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { launched, SLEEP, TestHost, WEB } from './test-host.ts';

test('where all is well nothing is missing', async (t) => {
  const host = new TestHost(t);
  const driver = await host.driver();
  assert.deepEqual(await driver.check(host.rollout(SLEEP), 3), []);
  assert.deepEqual(await driver.check(host.rollout(SLEEP, { user: 210_001 }), 3), []);
});

test('a program that is not there is named before anything changes', async (t) => {
  const host = new TestHost(t);
  const driver = await host.driver();
  const [problem] = await driver.check(host.rollout(['/opt/jdk/bin/java', '-jar']), 1);
  assert.equal(problem?.code, 'runtimeMissing');
  assert.match(problem?.message ?? '', /\/opt\/jdk\/bin\/java is not there/);
});

test('a program that the build brings is not missed before the build', async (t) => {
  const host = new TestHost(t);
  const driver = await host.driver();
  const rollout = host.rollout(['{{releaseDir}}/package/start']);
  assert.equal((await driver.check(rollout, 1)).length, 1);
  assert.deepEqual(await driver.check({ ...rollout, releaseDir: join(host.dir, 'not-built') }, 1), []);
  const unplanned = launched(rollout, { argv: [] });
  assert.deepEqual(await driver.check(unplanned, 1), []);
});

test('more replicas than ports are refused with the setting to change', async (t) => {
  const host = new TestHost(t, { ports: { low: 19_970, high: 19_972 } });
  const driver = await host.driver();
  const [problem] = await driver.check(host.rollout(WEB), 4);
  assert.equal(problem?.code, 'targetUnavailable');
  assert.match(problem?.message ?? '', /4 ports are needed, but only 3 of 19970-19972.*OPENSTAGE_APP_PORTS/);
});

test('a directory that the user of the application cannot enter is named', async (t) => {
  const host = new TestHost(t);
  const driver = await host.driver();
  const closed = join(host.dir, 'closed');
  mkdirSync(join(closed, 'release'), { recursive: true });
  chmodSync(closed, 0o700);
  const rollout = { ...host.rollout(SLEEP, { user: 210_001 }), releaseDir: join(closed, 'release') };
  const [problem] = await driver.check(rollout, 1);
  assert.ok(problem?.message.includes(`cannot enter ${closed}; run "chmod o+x ${closed}"`));
});

test('a flavor larger than the machine is refused', async (t) => {
  const host = new TestHost(t);
  const driver = await host.driver();
  const rollout = host.rollout(SLEEP, { limits: { cpuMillis: 1000, memoryBytes: 2 ** 50 } });
  const [problem] = await driver.check(rollout, 1);
  assert.match(problem?.message ?? '', /choose a smaller flavor/);
});
