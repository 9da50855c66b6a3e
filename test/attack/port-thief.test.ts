import assert from 'node:assert/strict';
import { request } from 'node:http';
import { test, type TestContext } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { askApp, Load } from '../../src/cli/tour/load.ts';
import type { Guard } from '../../src/domain/fences.ts';
import { findProxy } from '../../src/ingress/proxy-process.ts';
import type { Name } from '../../src/settings.ts';
import { zip } from '../builders/zip.ts';
import { portRange, until } from '../drivers/process/test-host.ts';
import { aLastingPlatform, mayAttack, type Lasting } from './stage.ts';

const isAll = process.env['OPENSTAGE_TEST_ALL'] === '1';
/** How often the victim crashes; a thousand take some twenty minutes. */
const CRASHES = Number(process.env['OPENSTAGE_THIEF_CRASHES'] ?? (isAll ? 100 : 6));
/** Each crash of a replica doubles its wait for the next start, and a restart begins anew. */
const CRASHES_OF_ROUND = 20;
const ROUNDS_TO_SUCCEED = 10;
const REPLICAS = 5;
const PORTS = 20;
const REQUESTS_PER_SECOND = 200;
const VICTIM = 'victim.default.localhost';
const THIEF = 'thief.default.localhost';

const LOW = portRange().low;
const HIGH = LOW + PORTS - 1;

const victim = `
require('node:http').createServer((asked, answer) => {
  if (asked.url === '/crash') answer.end('crashing', () => process.exit(3));
  else answer.end('victim');
}).listen(process.env.PORT, '127.0.0.1');
`;

/**
 * Listens on every port of the range as soon as whoever listened there is gone, answers in his stead for a while, and
 * lets go, so that he comes back and can be robbed again.
 */
const thief = `
const { readFileSync } = require('node:fs');
const http = require('node:http');
const told = { ports: 0, heard: 0 };
const held = new Set();
let busy = [];
function look() {
  busy = readFileSync('/proc/net/tcp', 'utf8').split('\\n').slice(1).map((line) => line.trim().split(/\\s+/))
    .filter(([, , , state, , , , user]) => state === '0A' && Number(user) !== process.getuid())
    .map(([, local]) => parseInt(local.split(':')[1], 16))
    .filter((port) => port >= ${LOW} && port <= ${HIGH});
}
const watched = new Set();
function grab(port) {
  held.add(port);
  const server = http.createServer((asked, answer) => {
    if (asked.headers.host === '${VICTIM}') told.heard += 1;
    answer.end('stolen');
  });
  server.once('error', () => held.delete(port));
  server.listen(port, '127.0.0.1', () => {
    told.ports += 1;
    watched.delete(port);
    setTimeout(() => {
      server.close(() => held.delete(port));
      server.closeAllConnections();
    }, 200 + Math.random() * 1000);
  });
}
http.createServer((_, answer) => answer.end(JSON.stringify(told))).listen(process.env.PORT, '127.0.0.1', () => {
  setInterval(() => { look(); for (const port of busy) watched.add(port); }, 20);
  setInterval(() => { for (const port of watched) if (!held.has(port)) grab(port); }, 1);
});
`;

interface Told {
  /** How often it took a port. */
  readonly ports: number;
  /** Requests to the victim that came to it. */
  readonly heard: number;
}

async function onStage(t: TestContext, unfenced: readonly Guard[]): Promise<Stage> {
  const lasting = await aLastingPlatform(
    t,
    unfenced,
    new Map<Name, string>([['appPorts', `${LOW}-${HIGH}`]]),
  );
  const deploy = async (name: string, program: string, replica: number): Promise<string> => {
    const manifest = JSON.stringify({ name, scripts: { start: 'node server.js' } });
    const artifacts = await lasting.deployer.upload(
      `${name}/1/${name}.zip`,
      zip([
        { path: 'package.json', content: Buffer.from(manifest) },
        { path: 'server.js', content: Buffer.from(program) },
      ]),
    );
    const { path, outcome } = await lasting.deployer.deploy({ name, runtime: 'Nodejs8', artifacts, replica });
    assert.equal(outcome.status, 'SUCCEEDED', outcome.message);
    return path;
  };
  const path = await deploy('victim', victim, REPLICAS);
  await deploy('thief', thief, 1);
  return new Stage(lasting, path);
}

class Stage {
  readonly without: Lasting['without'];
  readonly #lasting: Lasting;
  readonly #path: string;

  constructor(lasting: Lasting, path: string) {
    this.#lasting = lasting;
    this.#path = path;
    this.without = lasting.without;
  }

  get #ingress(): string {
    return this.#lasting.platform.ingressUrl;
  }

  /** How many answers of the thief clients of the victim got while it crashed so often, and of the victim. */
  async crash(times: number): Promise<{ readonly stolen: number; readonly own: number }> {
    const load = new Load(this.#ingress, VICTIM, REQUESTS_PER_SECOND);
    let crashed = 0;
    const bound = performance.now() + 120_000;
    while (crashed < times) {
      for (let port = LOW; port <= HIGH && crashed < times; port += 1) {
        if ((await tellToCrash(port)) !== 'crashing') continue;
        crashed += 1;
        await wait(50);
      }
      await wait(50);
      assert.ok(
        performance.now() < bound,
        `the victim crashed ${crashed} times only: it is not started again`,
      );
    }
    // The port of the last one is taken, too.
    await wait(500);
    const { answers } = await load.stop();
    return { stolen: answers.get('stolen') ?? 0, own: answers.get('victim') ?? 0 };
  }

  async restart(): Promise<void> {
    const { status, message } = await this.#lasting.deployer.act(this.#path, 'restart');
    assert.equal(status, 'SUCCEEDED', message);
  }

  async thief(): Promise<Told> {
    return JSON.parse((await askApp(this.#ingress, THIEF)).text);
  }

  /** How often the proxy turned away from a stranger. */
  async strangers(): Promise<number> {
    const proxy = await findProxy(this.#lasting.dataDir);
    assert.ok(proxy);
    const { strangers } = await proxy.status();
    proxy.close();
    return strangers;
  }

  async untilVictimAnswers(): Promise<void> {
    await until('the victim answers', async () => (await askApp(this.#ingress, VICTIM)).text === 'victim');
  }
}

/** Beside the ingress, which may have no way to it. Absent: nobody listens. */
function tellToCrash(port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const asked = request({ host: '127.0.0.1', port, path: '/crash', agent: false }, (answer) => {
      let text = '';
      answer.on('data', (part: Buffer) => (text += part.toString()));
      answer.on('end', () => resolve(text));
      answer.on('error', () => resolve(undefined));
    });
    asked.on('error', () => resolve(undefined)).end();
  });
}

test('who takes the port of an application that crashed gets its requests where nobody looks whose the port is', async (t) => {
  if (!mayAttack(t)) return;
  const stage = await onStage(t, ['socket-owners']);
  let stolen = 0;
  for (let round = 0; stolen === 0 && round < ROUNDS_TO_SUCCEED; round += 1) {
    if (round > 0) await stage.restart();
    ({ stolen } = await stage.crash(CRASHES_OF_ROUND));
  }
  const { heard, ports } = await stage.thief();
  t.diagnostic(`${stolen} answers of the thief, who took ${ports} ports and heard ${heard} requests`);
  assert.ok(stolen > 0, `no answer was stolen, though ${ports} ports were taken`);
});

test(`who takes the port of an application at ${CRASHES} crashes gets none of its requests, with the platform or without`, async (t) => {
  if (!mayAttack(t)) return;
  const stage = await onStage(t, []);
  const sum = { stolen: 0, own: 0 };
  const count = async (times: number) => {
    const { stolen, own } = await stage.crash(times);
    sum.stolen += stolen;
    sum.own += own;
  };
  for (let left = CRASHES; left > 0; left -= CRASHES_OF_ROUND) {
    await count(Math.min(left, CRASHES_OF_ROUND));
    await stage.restart();
  }
  const running = { ...sum, ...(await stage.thief()), strangers: await stage.strangers() };
  await stage.without(() => count(CRASHES_OF_ROUND));
  await stage.untilVictimAnswers();
  const all = { ...sum, ...(await stage.thief()), strangers: await stage.strangers() };
  t.diagnostic(`with the platform ${JSON.stringify(running)}; in all ${JSON.stringify(all)}`);
  // The attack ran, both times, and the proxy met it.
  assert.ok(running.ports > 0 && all.ports > running.ports);
  assert.ok(running.strangers > 0 && all.strangers > running.strangers);
  assert.ok(all.own > 0);
  assert.deepEqual([all.stolen, all.heard], [0, 0]);
});
