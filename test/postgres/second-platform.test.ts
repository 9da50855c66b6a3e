import assert from 'node:assert/strict';
import { chmodSync, copyFileSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { removeData } from '../../src/cli/tour/remove-data.ts';
import { running } from '../crash/processes.ts';
import { Victim } from '../crash/victim.ts';
import { FaultStage, until, usersOfItsOwn } from '../e2e/faults-stage.ts';
import { freePorts, openstage } from './commands.ts';
import { openServer } from './server.ts';

test('a second platform on one database ends with a sentence, touches nothing, and may start once the first is dead', async (t) => {
  const server = await openServer();
  if (!server) return;
  const stage = await FaultStage.start(t, { url: server.url, drop: () => server.cluster.stop() });
  const first = stage.victim.platform;
  // A stand-by of the same host: the data directory's own lock does not know of it.
  const standBy = mkdtempSync(join(tmpdir(), 'openstage-stand-by-'));
  chmodSync(standBy, 0o711);
  for (const name of ['key', 'host-id', 'admin-password'])
    copyFileSync(join(stage.victim.dataDir, name), join(standBy, name));
  const second = new Victim(standBy, server.url);
  t.after(async () => {
    await second.kill('SIGTERM');
    const down = await openstage(['down', '--data-dir', standBy]);
    assert.equal(down.code, 0, down.err);
    removeData(standBy);
  });
  const stored = () => server.ask('select * from facts order by name');
  const facts = await stored();

  const refused = await openstage([
    'serve',
    '--database-url',
    server.url,
    '--data-dir',
    standBy,
    ...freePorts,
  ]);
  assert.equal(refused.code, 1);
  assert.match(
    refused.err,
    /^openstage: Another platform is running on this database \(on host \S+\)\. One platform at a time may use a database: stop that one, or name another database with --database-url\.$/,
  );
  assert.deepEqual(
    running().filter(({ command }) => command.includes(standBy)),
    [],
    'what was refused has left nothing running',
  );
  assert.deepEqual(await stored(), facts);
  process.kill(first.pid, 0);
  const path = await stage.deploy('served', await stage.package('one'));
  assert.equal((await stage.deployer.act(path, 'stop')).status, 'SUCCEEDED');

  await stage.victim.kill();
  const dead = performance.now();
  await second.start(undefined, ['--app-users', usersOfItsOwn()]);
  console.log(
    `the second platform was ready ${((performance.now() - dead) / 1000).toFixed(1)} s after the first was killed`,
  );
  const { status } = await second.ask('GET', path);
  assert.equal(status, 200);
  await until('one session holds the place', async () => (await server.holders()) === 1);
});
