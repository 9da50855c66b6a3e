import assert from 'node:assert/strict';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { Rollout } from '../../../src/domain/rollout.ts';
import type { Volume } from '../../../src/domain/volume.ts';
import { whyNoMounts } from '../../../src/drivers/process/supervisor/namespace.ts';
import { ask, HOST, logOf, never, TestHost, until, untilReady } from './test-host.ts';

const USER = 210_002;
const PLACEMENT = { on: 'hosts', hosts: [HOST], user: USER } as const;
const isRoot = process.getuid?.() === 0;
const mayMount = isRoot && (await whyNoMounts('/srv', true)) === undefined;

/** Listens, and runs what it is sent as a program, answering with what that returns or throws. */
const SHELL = `
require('node:http').createServer((request, response) => {
  let text = '';
  request.on('data', (chunk) => (text += chunk));
  request.on('end', () => {
    try { response.end(JSON.stringify(eval(text) ?? null)); } catch (error) { response.end(JSON.stringify(String(error.code ?? error))); }
  });
}).listen(Number(process.env.PORT), '127.0.0.1');`;

const evaluate = async (port: number | undefined, program: string): Promise<unknown> => {
  const response = await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body: program });
  return response.json();
};
const fs = (call: string) => `require('node:fs').${call}`;

/** A directory of root's that lies where volumes may be mounted. */
function aPlace(t: TestContext): string {
  const dir = mkdtempSync('/srv/openstage-test-');
  chmodSync(dir, 0o755);
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

function ownDir(...parts: readonly [string, ...string[]]): string {
  const dir = join(...parts);
  mkdirSync(dir, { recursive: true });
  if (isRoot) chownSync(dir, USER, USER);
  return dir;
}

async function running(host: TestHost, volumes: readonly Volume[], more: Partial<Rollout> = {}) {
  const driver = await host.driver();
  const rollout = host.rollout(SHELL, { ...(isRoot && { user: USER }), volumes, ...more });
  await driver.ensure(rollout, 1, never());
  const [replica] = await untilReady(driver, rollout);
  assert.ok(replica);
  return { driver, rollout, replica, port: replica.address?.port };
}

const empty = (path: string, inMemory = false): Volume => ({
  kind: 'empty',
  inMemory,
  mounts: [{ path, readOnly: false }],
});

if (mayMount) {
  test('a directory of the host is seen where it is asked for, by its replica alone, read-only where that is asked', async (t) => {
    const place = aPlace(t);
    const shared = ownDir(place, 'shared');
    writeFileSync(join(shared, 'greeting'), 'hello');
    const host = new TestHost(t);
    const volume: Volume = {
      kind: 'host',
      path: shared,
      root: place,
      mounts: [
        { path: `${place}/data`, readOnly: false },
        { path: `${place}/fixed`, readOnly: true },
        { path: `${place}/part`, readOnly: false, subPath: 'a/b' },
      ],
    };
    const { driver, rollout, replica, port } = await running(host, [volume], {
      liveness: {
        type: 'command',
        command: ['/bin/cat', `${place}/data/greeting`],
        delayMs: 0,
        timeoutMs: 5000,
      },
    });
    assert.equal(await evaluate(port, fs(`readFileSync('${place}/data/greeting', 'utf8')`)), 'hello');
    assert.equal(await evaluate(port, fs(`readFileSync('${place}/fixed/greeting', 'utf8')`)), 'hello');
    assert.equal(await evaluate(port, fs(`writeFileSync('${place}/fixed/greeting', 'x')`)), 'EROFS');
    await evaluate(port, fs(`writeFileSync('${place}/part/own', 'written')`));
    assert.equal(readFileSync(join(shared, 'a/b/own'), 'utf8'), 'written');
    assert.equal(statSync(join(shared, 'a/b/own')).uid, USER);
    assert.deepEqual(readdirSync(`${place}/data`), [], 'the host itself sees nothing there');
    // It is the application itself that was started, with no more rights than its user has, now or later.
    assert.equal(readFileSync(`/proc/${replica.pid}/cmdline`, 'utf8').split('\0')[0], process.execPath);
    const status = readFileSync(`/proc/${replica.pid}/status`, 'utf8');
    assert.match(status, /^NoNewPrivs:\t1$/m);
    assert.match(status, /^CapPrm:\t0+$/m);
    assert.match(status, new RegExp(`^Uid:(\t${USER}){4}$`, 'm'));
    assert.deepEqual(
      host.marked(rollout.instance).filter((pid) => pid === replica.pid),
      [replica.pid],
    );
    assert.equal(await evaluate(port, 'process.cwd()'), join(rollout.releaseDir, 'package'));
    await driver.retire(rollout.instance, rollout.number, 0, 5000);
    assert.deepEqual(host.marked(), []);
  });

  test('a restarted supervisor finds the process in its mounts, and what it starts beside it sees the same', async (t) => {
    const place = aPlace(t);
    const host = new TestHost(t);
    const driver = await host.driver();
    const command = ['/bin/ls', `${place}/data/ready`];
    const rollout = host.rollout(SHELL, {
      user: USER,
      volumes: [empty(`${place}/data`)],
      readiness: { type: 'command', command, delayMs: 0, timeoutMs: 5000 },
    });
    await driver.ensure(rollout, 1, never());
    const [before] = await driver.observe();
    assert.ok(before);
    driver.close();
    host.killSupervisor();
    const next = await host.open();
    await until('it listens', () =>
      ask(before, '/').then(
        () => true,
        () => false,
      ),
    );
    assert.equal((await next.observe())[0]?.readiness.ready, false);
    await evaluate(before.address?.port, fs(`writeFileSync('${place}/data/ready', '')`));
    const [after] = await untilReady(next, rollout);
    assert.equal(after?.pid, before.pid);
    assert.deepEqual(readdirSync(`${place}/data`), []);
  });

  test('an empty directory in memory is a file system of its own, bounded, and gone with the process', async (t) => {
    const place = aPlace(t);
    const host = new TestHost(t);
    const { port } = await running(host, [empty(`${place}/cache`, true)], {
      limits: { cpuMillis: 2000, memoryBytes: 256 * 1024 * 1024 },
    });
    const mounts = String(await evaluate(port, fs(`readFileSync('/proc/self/mountinfo', 'utf8')`)));
    const line = mounts.split('\n').find((each) => each.includes(` ${place}/cache `));
    assert.match(String(line), /nosuid,nodev.* - tmpfs .*size=262144k/);
    await evaluate(port, fs(`writeFileSync('${place}/cache/x', 'y')`));
    assert.deepEqual(readdirSync(`${place}/cache`), []);
  });

  test('a link in a volume leads nowhere else: neither out of what is allowed nor out of the volume', async (t) => {
    const place = aPlace(t);
    const allowed = ownDir(place, 'allowed');
    const secret = join(place, 'secret');
    mkdirSync(secret, { mode: 0o700 });
    symlinkSync(secret, join(allowed, 'out'));
    const host = new TestHost(t);
    const driver = await host.driver();
    const volumes: readonly Volume[] = [
      {
        kind: 'host',
        path: join(allowed, 'out'),
        root: allowed,
        mounts: [{ path: `${place}/a`, readOnly: false }],
      },
      {
        kind: 'host',
        path: allowed,
        root: allowed,
        mounts: [{ path: `${place}/a`, readOnly: false, subPath: 'out' }],
      },
      {
        kind: 'host',
        path: allowed,
        root: allowed,
        mounts: [{ path: `${place}/a`, readOnly: false, subPath: 'out/new' }],
      },
    ];
    for (const volume of volumes) {
      const rollout = host.rollout(SHELL, { user: USER, volumes: [volume] });
      await driver.ensure(rollout, 1, never());
      const [replica] = await driver.observe(rollout.instance);
      assert.match(
        String(replica?.readiness.saw),
        /its storage could not be mounted: .*(outside|cannot be made)/,
      );
      await driver.retire(rollout.instance, rollout.number, 0, 0);
    }
    assert.deepEqual(readdirSync(secret), []);
    const [problem] = await driver.checkVolumes({ volumes: volumes.slice(0, 1), placement: PLACEMENT });
    assert.match(String(problem?.message), /leads to .*secret, which is outside/);
  });

  test('a mount point where others than root may write is refused, and a link is none', async (t) => {
    const place = aPlace(t);
    const host = new TestHost(t);
    const driver = await host.driver();
    const open = ownDir(place, 'open');
    symlinkSync('/etc', join(place, 'link'));
    for (const [path, says] of [
      [`${open}/x`, /where others than root may write/],
      [`${place}/link`, /is a link/],
      [`${place}/link/x`, /is a link on the way/],
    ] as const) {
      const [problem] = await driver.checkVolumes({ volumes: [empty(path)], placement: PLACEMENT });
      assert.match(String(problem?.message), says);
    }
    assert.equal(existsSync(`${open}/x`), false);
  });

  test('root itself mounts nothing over what the system or the platform needs, whatever it was asked for', async (t) => {
    const place = aPlace(t);
    symlinkSync('/etc', join(place, 'link'));
    const host = new TestHost(t);
    const driver = await host.driver();
    const paths = [
      ...[
        '/',
        '/etc',
        '/etc/openstage',
        '/usr',
        '/usr/lib',
        '/lib64',
        '/var',
        '/var/run/x',
        '/proc/1',
        '/sys',
      ],
      ...[host.dataDir, join(host.dataDir, 'replicas'), host.dir],
      ...[
        `${place}/../../etc`,
        '/srv/../etc',
        '//etc',
        `${place}/./x`,
        `${place}/link`,
        `${place}/link/deep`,
      ],
    ];
    for (const path of paths) {
      const rollout = host.rollout(SHELL, { user: USER, volumes: [empty(path)] });
      await driver.ensure(rollout, 1, never());
      const [seen] = await driver.observe(rollout.instance);
      assert.equal(seen?.pid, undefined, `${path} was mounted over`);
      assert.match(
        seen?.readiness.saw ?? '',
        /storage could not be mounted: .*(is needed by the system or the platform|is no plain absolute path|is a link)/,
        path,
      );
      await driver.retire(rollout.instance, rollout.number, 0, 0);
    }
    assert.ok(!existsSync('/etc/openstage') && !existsSync('/usr/lib/openstage'), 'nothing was made there');
  });

  test('a directory that the application may not use is named by the check, with what to do', async (t) => {
    const place = aPlace(t);
    const driver = await new TestHost(t).driver();
    const closed = join(place, 'closed');
    mkdirSync(closed, { mode: 0o755 });
    const wanting = (path: string, readOnly: boolean): Volume => ({
      kind: 'host',
      path,
      root: place,
      mounts: [{ path: `${place}/data`, readOnly }],
    });
    const check = async (volume: Volume) =>
      (await driver.checkVolumes({ volumes: [volume], placement: PLACEMENT })).map(({ message }) => message);
    assert.match(String(await check(wanting(closed, false))), /user 210002 may not write to .*chown 210002/);
    assert.deepEqual(await check(wanting(closed, true)), []);
    assert.match(
      String(await check(wanting(`${place}/none`, true))),
      /is no directory of this host; make it/,
    );
  });
}

test('a relative mount lies below HOME and stays through restarts of its process, and an empty directory goes with its replica', async (t) => {
  const host = new TestHost(t);
  const { driver, rollout, replica, port } = await running(host, [empty('work/cache')]);
  await evaluate(port, fs(`writeFileSync(process.env.HOME + '/work/cache/x', 'kept')`));
  if (replica.pid) process.kill(replica.pid, 'SIGKILL');
  await until('it runs again', async () => (await driver.observe())[0]?.restarts === 1);
  const [again] = await untilReady(driver, rollout);
  const kept = await evaluate(
    again?.address?.port,
    fs(`readFileSync(process.env.HOME + '/work/cache/x', 'utf8')`),
  );
  assert.equal(kept, 'kept');
  await driver.retire(rollout.instance, rollout.number, 0, 5000);
  assert.deepEqual(host.replicaDirs(), []);
});

test('an application that puts its own link where a mount below HOME goes gains nothing', async (t) => {
  const host = new TestHost(t);
  const { driver, rollout, replica, port } = await running(host, [empty('cache')]);
  const trap = join(host.dir, 'trap');
  mkdirSync(trap, { mode: 0o700 });
  const program = `const home = process.env.HOME; ${fs(`unlinkSync(home + '/cache')`)}; ${fs(`symlinkSync('${trap}', home + '/cache')`)}`;
  await evaluate(port, program);
  if (replica.pid) process.kill(replica.pid, 'SIGKILL');
  await until('it runs again', async () => (await driver.observe())[0]?.restarts === 1);
  await untilReady(driver, rollout);
  assert.deepEqual(readdirSync(trap), []);
  assert.ok((await logOf(driver, replica)).every((line) => !line.includes('could not')));
});
