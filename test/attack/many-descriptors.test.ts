import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { Guard } from '../../src/domain/fences.ts';
import { LOOK_BOUNDS } from '../../src/drivers/process/supervisor/listening.ts';
import { logOf, never, TestHost, until } from '../drivers/process/test-host.ts';
import { mayAttack } from './stage.ts';

const PROCESSES = 50;
const DESCRIPTORS = 1000;

/** Each of its processes opens all that it may; none listens. */
const HOARD = `
use POSIX;
$| = 1;
pipe(my $read, my $write);
for (1 .. ${PROCESSES}) {
  next if fork();
  for (4 .. ${DESCRIPTORS}) { POSIX::open('/dev/null', O_RDONLY) // last; }
  syswrite($write, '.');
  sleep 300;
}
for (1 .. ${PROCESSES}) { sysread($read, my $done, 1); }
print "holds them\\n";
sleep 300;
`;
const ELSEWHERE = `require('node:net').createServer().listen(0, '127.0.0.1');`;

/** Stands before what the supervisor is made of, and writes down whose descriptors it lists. */
const COUNTING = `
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
const { readdirSync, appendFileSync } = fs;
fs.readdirSync = (path, ...more) => {
  const pid = /^.proc.(\\d+).fd$/.exec(String(path))?.[1];
  if (pid !== undefined) appendFileSync(new URL('listed', import.meta.url), pid + '\\n');
  return readdirSync(path, ...more);
};
syncBuiltinESMExports();
`;

/** Answers how many processes had their descriptors listed by the time that a later neighbour was looked at. */
async function listedOf(t: TestContext, off: readonly Guard[], user: number | undefined): Promise<number> {
  // There is always somebody who listens, else nobody would be looked for.
  const server = createServer().listen(0, '127.0.0.1');
  t.after(() => server.close());
  await once(server, 'listening');

  const dir = mkdtempSync(join(tmpdir(), 'openstage-attack-'));
  const node = join(dir, 'node');
  const listed = join(dir, 'listed');
  writeFileSync(listed, '');
  writeFileSync(join(dir, 'counting.mjs'), COUNTING);
  writeFileSync(
    node,
    `#!/bin/sh\nexec '${process.execPath}' --import '${join(dir, 'counting.mjs')}' "$@"\n`,
    {
      mode: 0o755,
    },
  );
  // Who holds so many would be ended, which is the matter of another guard.
  const host = new TestHost(t, { node, unfenced: new Set<Guard>(['watched-bounds', ...off]) });
  t.after(() => rmSync(dir, { recursive: true }));
  const driver = await host.driver();
  const hoarder = host.rollout(['/usr/bin/perl', '-e', HOARD], user === undefined ? {} : { user });
  await driver.ensure(hoarder, 1, never());
  const [replica] = await driver.observe(hoarder.instance);
  assert.ok(replica);
  await until('it holds them', async () => (await logOf(driver, replica)).includes('holds them'));

  writeFileSync(listed, '');
  const neighbour = host.rollout(ELSEWHERE, { user: 264_952 });
  await driver.ensure(neighbour, 1, never());
  await until('the neighbour was looked at', async () => {
    const [seen] = await driver.observe(neighbour.instance);
    return seen?.readiness.code === 'listensElsewhere';
  });
  const [seen] = await driver.observe(hoarder.instance);
  assert.equal(seen?.readiness.code, 'notListening');
  assert.equal(seen.restarts, 0);
  return new Set(readFileSync(listed, 'utf8').split('\n').filter(Boolean)).size;
}

test('all descriptors of all processes are read of who listens nowhere, where nothing bounds a look', async (t) => {
  if (!mayAttack(t)) return;
  const listed = await listedOf(t, ['bounded-looks'], 264_951);
  assert.ok(listed > PROCESSES, `${listed} processes had their descriptors listed`);
});

test('no descriptor is read of who listens nowhere as a user of its own', async (t) => {
  if (!mayAttack(t)) return;
  assert.equal(await listedOf(t, [], 264_951), 0);
});

test('a bounded number of descriptors is read of who listens nowhere as the user of the platform', async (t) => {
  if (!mayAttack(t)) return;
  const listed = await listedOf(t, [], undefined);
  const most = Math.ceil(LOOK_BOUNDS.descriptors / DESCRIPTORS) + 3; // those that hold few
  assert.ok(listed > 0 && listed <= most, `${listed} processes had their descriptors listed`);
});
