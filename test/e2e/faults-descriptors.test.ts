import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { OPEN_FILES_LEAST } from '../../src/cli/open-files.ts';
import { FaultStage, until } from './faults-stage.ts';

const CONNECTIONS = OPEN_FILES_LEAST + 100;
const ANSWER_MOST_MS = 120_000;

test('a platform that may open too few files says so and does not start', (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'openstage-files-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const dataDir = join(dir, 'data');
  const words = ['--nofile=64', process.execPath, 'bin/openstage.mjs', 'serve', '--data-dir', dataDir];
  const { status, stderr } = spawnSync('prlimit', words, { encoding: 'utf8', timeout: ANSWER_MOST_MS });
  assert.equal(status, 1, stderr);
  assert.match(stderr, /may open only 64 files at once, and needs at least 256; raise the limit/);
  assert.ok(!existsSync(dataDir), 'nothing was begun');
});

test('a platform with the fewest files lives through more connections than it has files, and recovers', async (t) => {
  const stage = await FaultStage.start(t, { through: ['prlimit', `--nofile=${OPEN_FILES_LEAST}`] });
  const { httpUrl } = stage.victim.platform;
  const sockets: Socket[] = [];
  t.after(() => sockets.forEach((socket) => socket.destroy()));
  const ask = () => {
    const socket = connect({ port: Number(new URL(httpUrl).port), host: '127.0.0.1' });
    sockets.push(socket);
    socket.write('GET /readyz HTTP/1.1\r\nHost: openstage\r\n\r\n');
    return new Promise<string>((resolve) => {
      socket.once('data', (data: Buffer) => resolve(data.toString('latin1')));
      socket.once('error', () => resolve('cut'));
      socket.once('close', () => resolve('cut'));
      socket.setTimeout(ANSWER_MOST_MS, () => resolve('nothing'));
    });
  };
  const answers = await Promise.all(Array.from({ length: CONNECTIONS }, ask));
  assert.ok(answers.includes('cut'), 'there were more connections than files');
  for (const answer of answers) {
    // What finds no file is cut by the kernel's hand: never left hanging.
    assert.match(answer, /^(cut$|HTTP\/1\.1 (200|503) )/);
    if (answer.includes(' 503 ')) assert.match(answer, /^retry-after: \d+/im);
  }
  for (const socket of sockets) socket.destroy();
  await until('it is ready', async () =>
    fetch(`${httpUrl}/readyz`).then(
      ({ ok }) => ok,
      () => false,
    ),
  );
  await stage.deploy('after', await stage.package('one'));
  assert.equal(await stage.page('after'), 'one');
});
