import assert from 'node:assert/strict';
import { createInterface } from 'node:readline';
import { test, type TestContext } from 'node:test';
import type { Guard } from '../../src/domain/fences.ts';
import type { Probe } from '../../src/domain/release.ts';
import { ask, logOf, never, until, untilReady } from '../drivers/process/test-host.ts';
import { aNode, runAs } from '../ingress/proxy/strangers.ts';
import { aHost, mayAttack } from './stage.ts';

const USER = 210_171;
const THIEF = 210_172;
/** Of one stranger; three that fail would end the application. */
const ANSWERS = 6;

/** Is well until it is told to stop listening; then it lives on and answers nobody. */
const DEAF = `
const server = require('node:http').createServer((request, response) => {
  if (request.url === '/leave') response.once('close', () => server.close());
  response.setHeader('connection', 'close');
  response.end('own');
}).listen(Number(process.env.PORT), '127.0.0.1');
setInterval(() => {}, 1e9);`;

/** Takes the port as soon as it can be taken, and is well to everybody who asks. It tells what it hears. */
const THIEF_PROGRAM = `
const server = require('node:http').createServer((request, response) => {
  console.log('heard ' + request.url);
  response.end('stolen');
});
server.on('error', () => setTimeout(listen, 1));
server.on('connection', () => console.log('reached'));
const listen = () => server.listen(Number(process.argv[2]), '127.0.0.1');
server.once('listening', () => console.log('taken'));
listen();
console.log('ready');`;

const timing = { delayMs: 0, timeoutMs: 5000 } as const;
const probes: readonly Probe[] = [
  { type: 'http', scheme: 'HTTP', path: '/well', ...timing },
  { type: 'tcp', ...timing },
];

/** A replica that was ready and has stopped listening, and a stranger who answers in its place. */
async function aStolenPort(t: TestContext, probe: Probe, unfenced: readonly Guard[]) {
  const host = aHost(t, unfenced);
  const driver = await host.driver();
  const rollout = host.rollout(DEAF, { user: USER, readiness: probe, liveness: probe });
  await driver.ensure(rollout, 1, never());
  const [replica] = await untilReady(driver, rollout);
  assert.ok(replica?.address);
  const thief = await runAs(t, aNode(t), THIEF, THIEF_PROGRAM, replica.address.port);
  assert.ok(thief.child.stdout);
  const told: string[] = [];
  createInterface({ input: thief.child.stdout }).on('line', (line) => told.push(line));
  await ask(replica, '/leave');
  await until('the thief has the port', () => told.includes('taken'));
  assert.equal(told.filter((line) => line.startsWith('heard')).length, 0);
  const count = (what: string) => told.filter((line) => line.startsWith(what)).length;
  return { driver, rollout, replica, count };
}

for (const probe of probes) {
  test(`where nobody looks whose the port is, a stranger's answers to ${probe.type} probes keep a deaf application in service`, async (t) => {
    if (!mayAttack(t)) return;
    const { driver, rollout, replica, count } = await aStolenPort(t, probe, ['socket-owners']);
    await until('the thief was probed', () => count('reached') >= ANSWERS);
    const [seen] = await driver.observe(rollout.instance);
    assert.deepEqual(
      [seen?.readiness.ready, seen?.pid, seen?.restarts],
      [true, replica.pid, 0],
      'it is taken to be well',
    );
  });

  test(`a stranger's answers to ${probe.type} probes count as none: the application is started again, where it can listen`, async (t) => {
    if (!mayAttack(t)) return;
    const { driver, rollout, replica, count } = await aStolenPort(t, probe, []);
    await until('it was started again', async () =>
      (await driver.observe(rollout.instance)).some(({ restarts }) => restarts > 0),
    );
    const [again] = await untilReady(driver, rollout);
    assert.ok(again?.address);
    assert.notEqual(again.address.port, replica.address?.port);
    assert.equal(await (await fetch(`http://127.0.0.1:${again.address.port}/`)).text(), 'own');
    assert.match(
      (await logOf(driver, again)).join('\n'),
      /liveness probe failed \(another program listens on PORT \(\d+\)\)/,
    );
    assert.ok(count('reached') > 0, 'it was met');
    assert.equal(count('heard'), 0, 'and told nothing');
  });
}
