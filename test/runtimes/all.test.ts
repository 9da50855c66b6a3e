import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { findRuntime, runtimes } from '../../src/runtimes/all.ts';
import { formsOf, missingTools, packageFor } from '../builders/packages.ts';
import { built, endGroup, started, untilAnswers, type Running } from './running.ts';

type Ending = readonly [title: string, end: (running: Running, runtime: string) => Promise<void>];

const endings: readonly [Ending, Ending] = [
  [
    'ends on SIGTERM once it finished what it began',
    async (running, runtime) => {
      const slow = running.get('/slow?ms=300').catch(() => undefined);
      await untilLogged(running, /slow begins/);
      endGroup(running.process, 'SIGTERM');
      await running.exited;
      // Apache and PHP's own server break off at SIGTERM; the platform drains before it sends it.
      if (runtime !== 'Php7')
        assert.deepEqual(JSON.parse((await slow)?.body ?? 'null'), { version: '1.2.3' });
    },
  ],
  [
    'is seen to fall when it falls',
    async (running) => {
      await running.get('/exit?code=7').catch(() => undefined);
      const { code, signal } = await running.exited;
      assert.ok(code === 7 || signal === 'SIGKILL', `ended with ${code ?? signal}`);
    },
  ],
];

for (const runtime of runtimes) {
  const missing = missingTools(runtime.name);
  if (missing.length > 0) {
    if (process.env['OPENSTAGE_TEST_ALL'] === '1') {
      test(`${runtime.name} can be tried here`, () => assert.deepEqual(missing, []));
    } else console.log(`# ${runtime.name} is left out: this machine lacks ${missing.join(', ')}`);
    continue;
  }

  for (const [index, form] of formsOf(runtime.name).entries()) {
    const [ending, end] = endings[index % endings.length] ?? endings[0];
    test(`${runtime.name} serves its sample from a .${form}, and ${ending}`, async (context) => {
      const build = await built(context, runtime, await packageFor(runtime.name, { form, version: '1.2.3' }));
      const launch = await runtime.launch(build);
      context.diagnostic(launch.runtimeVersion);
      const running = await started(context, build, launch, { 'log-level': 'debug', APP_VERSION: 'one' });

      if (launch.readinessPath !== undefined) await untilAnswers(running, launch.readinessPath);
      assert.partialDeepStrictEqual(JSON.parse(await untilAnswers(running)), {
        runtime: runtime.name,
        version: '1.2.3',
        env: { 'log-level': 'debug', APP_VERSION: 'one' },
      });
      assert.deepEqual(JSON.parse((await running.get('/env?name=PORT')).body), {
        value: String(running.places.port),
      });
      assert.match(await running.log(), /sample 1\.2\.3/);
      await end(running, runtime.name);
    });
  }

  test(`${runtime.name} leaves its reason in the log when it cannot start`, async (context) => {
    const build = await built(context, runtime, await packageFor(runtime.name, { variant: 'broken' }));
    const launch = await runtime.launch(build);
    const running = await started(context, build, launch);
    if (launch.readinessPath === undefined) {
      const { code } = await running.exited;
      assert.notEqual(code, 0);
    } else {
      const path = launch.readinessPath;
      await assert.rejects(
        Promise.race([untilAnswers(running, path), untilStatus(running.get, path, 503)]),
        /is 503/,
      );
    }
    assert.match(await running.log(), /the setting DATABASE_HOST is missing/);
  });
}

test('a runtime is found by the name of the contract', () => {
  assert.equal(findRuntime('Java8')?.displayName, 'Java 8');
  assert.equal(findRuntime('java8'), undefined);
  assert.ok(runtimes.some(({ defaultPort }) => defaultPort === 80));
});

async function untilLogged(running: Running, pattern: RegExp): Promise<void> {
  while (!pattern.test(await running.log())) await pause(10);
}

async function untilStatus(get: Running['get'], path: string, wanted: number): Promise<never> {
  for (;;) {
    const seen = await get(path).catch(() => undefined);
    if (seen?.status === wanted) throw new Error(`the status is ${wanted}`);
    await pause(20);
  }
}
