import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { withEntrypoint } from '../../../src/domain/lifecycle.ts';
import { describeExit } from '../../../src/domain/rollout.ts';
import { VERSION } from '../../../src/drivers/process/supervisor/protocol.ts';
import { socketPath } from '../../../src/drivers/process/supervisor/socket-path.ts';
import { ask, launched, logOf, never, TestHost, until, untilReady, WEB } from './test-host.ts';

/** Appends its words, its user and its cgroup's first line to a file that everybody may write. */
const note = (file: string, words: string): readonly string[] => [
  '/bin/sh',
  '-c',
  `echo "${words} $(id -u) $(head -n 1 /proc/self/cgroup)" >> ${file}`,
];

/** Where an application may see it: what it has below /tmp is its own. */
function sharedFile(t: TestContext): string {
  const dir = mkdtempSync(isRoot ? '/srv/openstage-test-' : join(tmpdir(), 'openstage-test-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const file = join(dir, 'notes');
  writeFileSync(file, '');
  chmodSync(dir, 0o777);
  chmodSync(file, 0o666);
  return file;
}
const isRoot = process.getuid?.() === 0;
const USER = isRoot ? { user: 210_001 } : {};

test('an entrypoint replaces the start line of the runtime, with the port where it is asked for and no shell between', async (t) => {
  const host = new TestHost(t);
  const driver = await host.driver();
  const plain = host.rollout(WEB, { variables: { 'log-level': 'warn' } });
  const entrypoint = {
    command: [process.execPath],
    args: [
      '-e',
      `require('node:http').createServer((q, r) => r.end(JSON.stringify({ argv: process.argv.slice(1), level: process.env['log-level'] })))
        .listen(Number(process.argv[1]), '127.0.0.1')`,
      '$(PORT)',
    ],
  };
  const rollout = launched(plain, withEntrypoint(plain.workload.launch, entrypoint));
  await driver.ensure(rollout, 1, never());
  const [replica] = await untilReady(driver, rollout);
  assert.ok(replica);
  const port = String(replica.address?.port);
  assert.deepEqual(JSON.parse(await ask(replica, '/')), { argv: [port], level: 'warn' });
  assert.equal(readFileSync(`/proc/${replica.pid}/cmdline`, 'utf8').split('\0')[0], process.execPath);
});

test('arguments alone follow the start line of the runtime, and a relative command begins at the package', () => {
  const launch = {
    argv: ['/usr/bin/java', '-jar', 'a.jar'],
    cwd: '{{releaseDir}}/package',
    env: {},
    portVariables: [],
    files: [],
    readinessPath: '/ready',
    runtimeVersion: 'OpenJDK 17',
  };
  const withArgs = withEntrypoint(launch, { command: [], args: ['--port', '$(PORT)'] });
  assert.deepEqual(withArgs.argv, ['/usr/bin/java', '-jar', 'a.jar', '--port', '{{port}}']);
  assert.equal(withArgs.readinessPath, '/ready');
  const own = withEntrypoint(launch, { command: ['bin/run'], args: [] });
  assert.deepEqual(own.argv, ['{{releaseDir}}/package/bin/run']);
  assert.equal(own.readinessPath, undefined);
});

test('an entrypoint that is not on the host fails the check with its name', async (t) => {
  const host = new TestHost(t);
  const driver = await host.driver();
  const plain = host.rollout(WEB);
  for (const command of ['no-such-program', '/nowhere/program']) {
    const launch = withEntrypoint(plain.workload.launch, { command: [command], args: [] });
    const [problem] = await driver.check(launched(plain, launch), 1);
    assert.match(String(problem?.message), new RegExp(`^${command} is not there`));
  }
  const launch = withEntrypoint(plain.workload.launch, { command: ['sleep'], args: ['1'] });
  assert.deepEqual(await driver.check(launched(plain, launch), 1), []);
});

test('post-start is done once the process lives, as its user and within its limits, before it counts as ready', async (t) => {
  const host = new TestHost(t);
  const driver = await host.driver();
  const notes = sharedFile(t);
  const command = [
    '/bin/sh',
    '-c',
    `${note(notes, 'begun')[2]}; while [ ! -e ${notes}.go ]; do sleep 0.05; done`,
  ];
  const rollout = host.rollout(WEB, { ...USER, postStart: { type: 'command', command } });
  await driver.ensure(rollout, 1, never());
  const waiting = await until('the hook runs', async () => {
    const [each] = await driver.observe();
    return each && readFileSync(notes, 'utf8') !== '' ? each : undefined;
  });
  await until('the application listens', () =>
    waiting ? ask(waiting, '/').catch(() => undefined) : undefined,
  );
  const [still] = await driver.observe();
  assert.deepEqual(still?.readiness, {
    ready: false,
    code: 'hookRunning',
    saw: 'its post-start hook is running',
  });
  writeFileSync(`${notes}.go`, '');
  const [replica] = await untilReady(driver, rollout);
  const [, uid, cgroup] = readFileSync(notes, 'utf8').trim().split(' ');
  assert.equal(uid, String(USER.user ?? process.getuid?.()));
  assert.equal(cgroup, readFileSync(`/proc/${replica?.pid}/cgroup`, 'utf8').split('\n')[0]);
});

test('a post-start that fails ends the start with what it said', async (t) => {
  const host = new TestHost(t);
  const driver = await host.driver();
  const command = ['/bin/sh', '-c', 'echo no database at db.internal; exit 3'];
  const rollout = host.rollout(WEB, { postStart: { type: 'command', command } });
  await driver.ensure(rollout, 1, never());
  const seen = await until('it was ended', async () => {
    const [each] = await driver.observe();
    return each?.lastExit ? each : undefined;
  });
  assert.ok(seen?.lastExit);
  assert.match(
    describeExit(seen.lastExit),
    /since its post-start hook failed \(command "\/bin\/sh" exited with code 3: no database at db\.internal\)$/,
  );
  assert.ok((await logOf(driver, seen)).some((line) => line.includes('its post-start hook failed')));
});

test('an http post-start waits until the application listens, and its answer decides', async (t) => {
  const host = new TestHost(t);
  const driver = await host.driver();
  const server = `
    const asked = [];
    setTimeout(() => require('node:http').createServer((request, response) => {
      if (request.url === '/asked') return response.end(JSON.stringify(asked));
      asked.push(request.url + ' ' + request.headers.host);
      response.writeHead(request.url === '/warm' ? 204 : 500).end();
    }).listen(Number(process.env.PORT), '127.0.0.1'), 300);`;
  const good = host.rollout(server, { postStart: { type: 'http', path: '/warm', host: 'cart.internal' } });
  await driver.ensure(good, 1, never());
  const [replica] = await untilReady(driver, good);
  assert.ok(replica);
  assert.deepEqual(JSON.parse(await ask(replica, '/asked')), ['/warm cart.internal']);
  const bad = host.rollout(server, { postStart: { type: 'http', path: '/other' } });
  await driver.ensure(bad, 1, never());
  const seen = await until('it was ended', async () => {
    const [each] = await driver.observe(bad.instance);
    return each?.lastExit ? each : undefined;
  });
  assert.match(String(seen?.lastExit?.cause), /HTTP 500 from GET \/other/);
});

test('pre-stop is done before SIGTERM, within the grace, while the application still answers', async (t) => {
  const host = new TestHost(t);
  const driver = await host.driver();
  const notes = sharedFile(t);
  const program = `
    const { appendFileSync } = require('node:fs');
    process.on('SIGTERM', () => { appendFileSync(${JSON.stringify(notes)}, 'term\\n'); process.exit(0); });
    require('node:http').createServer((request, response) => {
      if (request.url === '/drain') appendFileSync(${JSON.stringify(notes)}, 'drain\\n');
      response.end();
    }).listen(Number(process.env.PORT), '127.0.0.1');`;
  const rollout = host.rollout(program, { ...USER, preStop: { type: 'http', path: '/drain' } });
  await driver.ensure(rollout, 1, never());
  await untilReady(driver, rollout);
  await driver.retire(rollout.instance, rollout.number, 0, 5000);
  assert.equal(readFileSync(notes, 'utf8'), 'drain\nterm\n');
});

test('a pre-stop that hangs costs no more than the grace, and none is done where there is no grace', async (t) => {
  const host = new TestHost(t);
  const driver = await host.driver();
  const notes = sharedFile(t);
  const command = ['/bin/sh', '-c', `echo begun >> ${notes}; sleep 1000`];
  const program = `process.on('SIGTERM', () => { require('node:fs').appendFileSync(${JSON.stringify(notes)}, 'term\\n'); process.exit(0); }); ${WEB}`;
  const rollout = host.rollout(program, { preStop: { type: 'command', command } });
  await driver.ensure(rollout, 2, never());
  await untilReady(driver, rollout, 2);
  await driver.retire(rollout.instance, rollout.number, 1, 1000);
  assert.equal(readFileSync(notes, 'utf8'), 'begun\nterm\n');
  await driver.retire(rollout.instance, rollout.number, 0, 0);
  assert.equal(readFileSync(notes, 'utf8').match(/begun/g)?.length, 1);
  assert.deepEqual(host.marked(), []);
});

test('a supervisor that dies during a post-start leaves no replica that counts as started', async (t) => {
  const host = new TestHost(t);
  const driver = await host.driver();
  const go = join(host.dir, 'go');
  const command = ['/bin/sh', '-c', `while [ ! -e ${go} ]; do sleep 0.05; done`];
  const rollout = host.rollout(WEB, { postStart: { type: 'command', command } });
  await driver.ensure(rollout, 1, never());
  const [before] = await driver.observe();
  assert.ok(before?.pid);
  await until('the hook has begun', () => host.marked(rollout.instance).length >= 2);
  driver.close();
  host.killSupervisor();
  const next = await host.open();
  const seen = await until('it was ended', async () => {
    const [each] = await next.observe();
    return each?.lastExit ? each : undefined;
  });
  assert.match(String(seen?.lastExit?.cause), /started again during its post-start hook/);
  writeFileSync(go, '');
  const [after] = await untilReady(next, rollout);
  assert.notEqual(after?.pid, before.pid);
});

test('a supervisor of the version before gives way to its successor, and its applications go on', async (t) => {
  const host = new TestHost(t);
  const before = await host.open({ supervisorArgs: ['--protocol', String(VERSION - 1)] });
  const rollout = host.rollout(WEB);
  await before.ensure(rollout, 1, never());
  const [replica] = await untilReady(before, rollout);
  const first = host.supervisorPid();
  const next = await host.open();
  const [same] = await untilReady(next, rollout);
  assert.equal(same?.pid, replica?.pid);
  assert.notEqual(host.supervisorPid(), first);
  // What it placed is what is asked for again.
  await next.ensure(rollout, 2, never());
  await untilReady(next, rollout, 2);
});

test('a platform that was put back to the version before is spoken to in its own', async (t) => {
  const host = new TestHost(t);
  await host.driver();
  const socket = connect(socketPath(host.dataDir));
  t.after(() => socket.destroy());
  socket.write(`${JSON.stringify({ id: 1, call: { op: 'hello', version: VERSION - 1 } })}\n`);
  const [answer] = await once(socket, 'data');
  assert.equal(JSON.parse(String(answer)).ok.version, VERSION - 1);
});
