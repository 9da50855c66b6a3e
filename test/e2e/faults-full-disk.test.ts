import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { memberOf } from '../../src/cli/running-platform.ts';
import { askApp } from '../../src/cli/tour/load.ts';
import { listOf, textOf } from '../../src/cli/tour/steps.ts';
import { zip } from '../builders/zip.ts';
import { FaultStage, until } from './faults-stage.ts';
import { SmallDisk } from './small-disk.ts';

const MIB = 1024 ** 2;
const FULL_BYTES = 4096;
const WRITES = 20;
/** What a sentence about a full disk names. */
const CAUSE = /ENOSPC|disk is full|disk of the data directory .* is full/;

/** Answers when it was started, and fills the disk with its own files or crashes when it is asked to. */
const FILLER = `
const { openSync, writeSync } = require('node:fs');
const born = String(Date.now());
function fill() {
  const file = openSync(process.env.HOME + '/filler', 'a');
  for (const size of [1024 * 1024, 4096]) try { for (;;) writeSync(file, Buffer.alloc(size)); } catch {}
}
require('node:http').createServer((asked, answer) => {
  if (asked.url === '/crash') process.exit(1);
  if (asked.url === '/fill') fill();
  answer.end(born);
}).listen(process.env.PORT, '127.0.0.1');
`;

const fillers = {
  'the application itself': async (stage: FaultStage) => {
    const { ingressUrl } = stage.victim.platform;
    await askApp(new URL('/fill', ingressUrl).href, 'filler.default.localhost');
  },
  'a file of nobody': async (_: FaultStage, disk: SmallDisk) => disk.fill(),
};

for (const [who, fill] of Object.entries(fillers)) {
  test(`a disk that ${who} filled ends nothing that runs, and is freed by deleting an instance`, async (t) => {
    const disk = SmallDisk.mount(t);
    if (!disk) return;
    const stage = await FaultStage.start(t, { disk });
    const files = { 'package.json': '{"name":"filler","version":"1.0.0"}', 'server.js': FILLER };
    const entries = Object.entries(files).map(([path, text]) => ({ path, content: Buffer.from(text) }));
    const artifacts = await stage.deployer.upload('filler/1/filler.zip', zip(entries));
    const filler = await stage.deploy('filler', artifacts);
    await stage.deploy('other', await stage.package('one'));

    await fill(stage, disk);
    assert.ok(disk.freeBytes < FULL_BYTES, `${disk.freeBytes} bytes are free`);
    const acknowledged = [...(await livesOnFull(stage, filler))];
    await comesBackAfterCrash(stage);
    acknowledged.push(...(await livesOnFull(stage, filler)));

    // It is still full; what would free it has to work all the same.
    const stopped = await stage.insisted('POST', `${filler}/action`, { action: 'stop' });
    await stage.succeeded(stopped);
    await stage.succeeded(await stage.insisted('DELETE', filler));
    if (who === 'a file of nobody') disk.free();
    await until('the disk is free again', async () => disk.freeBytes > 256 * MIB);
    await until('it is ready', async () => (await stage.asked('/readyz')).status === 200);
    await stage.deploy('after', await stage.package('two'));
    assert.equal(await stage.page('after'), 'two');

    disk.fill();
    assert.equal(await stage.victim.kill('SIGTERM'), 0);
    assert.equal(await stage.page('other'), 'one');
    disk.free();
    await stage.victim.start();
    await stage.signIn();
    const there = await namesOf(stage);
    for (const name of acknowledged) assert.ok(there.includes(name), `${name} was acknowledged and is lost`);
    assert.equal(await stage.page('other'), 'one');
  });
}

/** Health, readings, writings and applications, each as it is to be on a full disk; answers what was acknowledged. */
async function livesOnFull(stage: FaultStage, instance: string): Promise<readonly string[]> {
  assert.equal((await stage.asked('/healthz')).status, 200);
  const ready = await stage.asked('/readyz');
  assert.equal(ready.status, 503);
  assert.match(ready.text, /disk of the data directory .* is full; free some space/);
  await stage.answers(instance);
  const { project } = stage.deployer.client;
  const upload = await stage.asked(`/v1/${project}/packages/large/1/large.zip`, {
    method: 'PUT',
    body: 'x'.repeat(2 * MIB),
  });
  assert.equal(upload.status, 503, upload.text);
  assert.match(upload.text, CAUSE);
  const acknowledged: string[] = [];
  for (let at = 0; at < WRITES; at += 1) {
    const name = `app-${randomUUID().slice(0, 8)}`;
    const body = JSON.stringify({ name, description: 'x'.repeat(100) });
    const { status, text } = await stage.asked(`${stage.deployer.cas}/applications`, {
      method: 'POST',
      body,
    });
    if (status === 200) acknowledged.push(name);
    else {
      assert.equal(status, 503, text);
      assert.match(text, CAUSE);
    }
  }
  assert.equal(await stage.page('other'), 'one');
  return acknowledged;
}

async function comesBackAfterCrash(stage: FaultStage): Promise<void> {
  const { ingressUrl } = stage.victim.platform;
  const before = await stage.page('filler');
  await askApp(new URL('/crash', ingressUrl).href, 'filler.default.localhost').catch(() => {});
  await until('the application is started again', async () => {
    const now = await stage.page('filler');
    return /^\d+$/.test(now) && now !== before;
  });
}

async function namesOf(stage: FaultStage): Promise<readonly string[]> {
  const body = await stage.deployer.send('GET', `${stage.deployer.cas}/applications?limit=1000`);
  return listOf(memberOf(body, 'applications')).map((each) => textOf(each, 'name'));
}
