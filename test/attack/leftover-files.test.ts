import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ask, never, until, untilReady, WEB } from '../drivers/process/test-host.ts';
import { aHost, mayAttack } from './stage.ts';

const USER = 210_160;
const NEIGHBOUR = 210_161;
const LEVELS = 5_000;
const FILES = 15_000;

/** Leaves what its own recursive removal cannot even name, a directory without rights, and very many files. */
const LITTER = `
const fs = require('node:fs');
process.chdir(process.env.HOME);
for (let index = 0; index < ${FILES}; index += 1) fs.closeSync(fs.openSync('f' + index, 'w'));
fs.mkdirSync('shut/in', { recursive: true }); fs.writeFileSync('shut/in/file', ''); fs.chmodSync('shut', 0);
for (let level = 0; level < ${LEVELS}; level += 1) { fs.mkdirSync('d'); process.chdir('d'); }
process.chdir('/');
${WEB}`;

test('what an application leaves behind keeps no call waiting and no supervisor from starting, and goes in the end', async (t) => {
  if (!mayAttack(t)) return;
  const host = aHost(t);
  const driver = await host.driver();
  const [litter, neighbour] = [host.rollout(LITTER, { user: USER }), host.rollout(WEB, { user: NEIGHBOUR })];
  for (const rollout of [litter, neighbour]) await driver.ensure(rollout, 1, never());
  const [before] = await untilReady(driver, neighbour);
  await untilReady(driver, litter);
  // The attack: a path that deep is one that no file system call takes.
  const home = join(host.dataDir, 'replicas', litter.instance, '1-0', 'own', 'home');
  assert.throws(() => readdirSync(`${home}/${'d/'.repeat(LEVELS)}`), /ENAMETOOLONG/);
  await driver.retire(litter.instance, litter.number, 0, 1000);
  assert.ok(before && (await ask(before, '/')).startsWith('pid'));
  // In the middle of it, or not begun: the next supervisor goes on with it, and answers at once.
  driver.close();
  host.killSupervisor();
  const next = await host.open();
  assert.deepEqual(
    (await next.observe()).map(({ pid }) => pid),
    [before.pid],
  );
  const trash = join(host.dataDir, 'replicas', '.trash');
  await until('all of it is gone', () => readdirSync(trash).length === 0).catch(() => {
    throw new Error(readFileSync(join(host.dataDir, 'logs', 'supervisor.log'), 'utf8').slice(-2000));
  });
  assert.ok(!existsSync(home));
});

test('it is removed with the rights of its application alone: what these do not reach is told, and holds up nobody', async (t) => {
  if (!mayAttack(t)) return;
  const host = aHost(t);
  const driver = await host.driver();
  const [litter, neighbour] = [host.rollout(WEB, { user: USER }), host.rollout(WEB, { user: NEIGHBOUR })];
  for (const rollout of [litter, neighbour]) await driver.ensure(rollout, 1, never());
  const [before] = await untilReady(driver, neighbour);
  await untilReady(driver, litter);
  const home = join(host.dataDir, 'replicas', litter.instance, '1-0', 'own', 'home');
  mkdirSync(join(home, 'of-root'), { mode: 0o700 });
  writeFileSync(join(home, 'of-root', 'file'), '');
  writeFileSync(join(home, 'own'), '');
  await driver.retire(litter.instance, litter.number, 0, 1000);
  const log = () => readFileSync(join(host.dataDir, 'logs', 'supervisor.log'), 'utf8');
  await until('it is told', () => log().includes('files not removed yet'));
  const trash = join(host.dataDir, 'replicas', '.trash');
  const [grave = ''] = readdirSync(trash);
  assert.deepEqual(readdirSync(join(trash, grave, 'own', 'home')), ['of-root']);
  assert.deepEqual(readdirSync(join(trash, grave, 'own', 'home', 'of-root')), ['file']);
  driver.close();
  host.killSupervisor();
  rmSync(join(trash, grave, 'own', 'home', 'of-root'), { recursive: true });
  const next = await host.open();
  assert.deepEqual(
    (await next.observe()).map(({ pid }) => pid),
    [before?.pid],
  );
  await until('the rest is gone', () => readdirSync(trash).length === 0);
});
