import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readFileSync, realpathSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { pino } from 'pino';
import { removeData } from '../../src/cli/tour/remove-data.ts';
import { startPlatform, stopLeftRunning } from '../../src/main.ts';
import { readSettings, type Name } from '../../src/settings.ts';
import { portRange, until } from '../drivers/process/test-host.ts';

test('a platform serves while its supervisor hangs, says so, and recovers by itself', async (t) => {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), 'openstage-absent-')));
  chmodSync(dir, 0o711);
  const ports = portRange();
  const given = new Map<Name, string>([
    ['dataDir', join(dir, 'data')],
    ['httpPort', '0'],
    ['httpsPort', '0'],
    ['ingressPort', '0'],
    ['appPorts', `${ports.low}-${ports.high}`],
  ]);
  const settings = readSettings(given, { PATH: process.env['PATH'] });
  const log = pino({ level: 'silent' });
  const first = await startPlatform(settings, log);
  const started = readFileSync(join(first.data.path, 'logs', 'supervisor.log'), 'utf8');
  const supervisor = Number(/"pid":(\d+)/.exec(started)?.[1]);
  await first.stop();
  process.kill(supervisor, 'SIGSTOP');
  let isStopped = true;
  const goOn = () => isStopped && process.kill(supervisor, 'SIGCONT') && (isStopped = false);
  t.after(async () => {
    goOn();
    await stopLeftRunning(settings, log);
    removeData(dir);
  });
  const second = await startPlatform(settings, log);
  try {
    const look = async () => {
      const answer = await fetch(`${second.httpUrl}/readyz`);
      return { status: answer.status, text: await answer.text() };
    };
    const seen = await look();
    assert.equal(seen.status, 503);
    assert.match(seen.text, /supervisor of this host cannot be reached/);
    assert.equal((await fetch(`${second.httpUrl}/version`)).status, 200);
    goOn();
    await until('it is ready', async () => (await look()).status === 200);
    assert.ok((await fetch(`${second.httpUrl}/readyz?verbose`)).ok);
  } finally {
    goOn();
    await second.stop();
  }
});
