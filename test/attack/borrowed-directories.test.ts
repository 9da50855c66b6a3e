import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { Observed } from '../../src/domain/rollout.ts';
import type { ProcessDriver } from '../../src/drivers/process/driver.ts';
import { logOf, never, type TestHost, until, untilReady, WEB } from '../drivers/process/test-host.ts';
import { aHost, mayAttack } from './stage.ts';

const VICTIM = 210_160;
const SHELL = 210_161;
const SECOND = 210_162;
const SECRET = 'written by another tenant';

const homeOf = (host: TestHost, instance: string): string =>
  join(host.dataDir, 'replicas', instance, '1-0', 'own', 'home');

function as(user: number, script: string, cwd: string): void {
  const words = [`--reuid=${user}`, `--regid=${user}`, '--clear-groups', 'sh', '-ec', script];
  execFileSync('setpriv', words, { cwd });
}

/** An instance whose directory "pub" is closed by nothing but the directories above it. */
async function aVictim(t: TestContext) {
  const host = aHost(t);
  const driver = await host.driver();
  const victim = host.rollout(WEB, { user: VICTIM });
  await driver.ensure(victim, 1, never());
  await untilReady(driver, victim);
  const home = homeOf(host, victim.instance);
  const program = `#!/bin/sh\\necho ${SECRET}\\nexec sleep 1000\\n`;
  as(VICTIM, `mkdir -m 755 pub; printf '${program}' >pub/run.sh; chmod 755 pub/run.sh`, home);
  return { host, driver, pub: `${victim.instance}/1-0/own/home/pub` };
}

const startedAgain = (driver: ProcessDriver, { instance }: Pick<Observed, 'instance'>) =>
  until('it was started again', async () =>
    (await driver.observe(instance)).find(({ restarts }) => restarts > 0),
  );

const hasRun = (seen: readonly string[]): boolean => seen.some((line) => line === 'run' || line === SECRET);

test('an entrypoint shows its instance no directory of another, wherever its links lead later', async (t) => {
  if (!mayAttack(t)) return;
  const { host, driver, pub } = await aVictim(t);
  const shell = host.rollout(WEB, { user: SHELL });
  await driver.ensure(shell, 1, never());
  await untilReady(driver, shell);
  const home = homeOf(host, shell.instance);
  as(SHELL, 'chmod 711 .. .; mkdir -m 755 ok; ln -s ok lnk', home);
  as(SHELL, `printf '#!/bin/sh\\necho run\\nexec sleep 1000\\n' >ok/run.sh; chmod 755 ok/run.sh`, home);
  const second = host.rollout([join(home, 'lnk', 'run.sh')], { user: SECOND });
  const flaws = (await driver.check(second, 1)).map(({ message }) => message);
  // Whoever checked, the supervisor looks again at each start.
  await driver.ensure(second, 1, never());
  const [replica] = await until('it was tried', async () => {
    const seen = await driver.observe(second.instance);
    const [first] = seen;
    if (!first) return undefined;
    return first.restarts > 0 || hasRun(await logOf(driver, first)) ? seen : undefined;
  }).then((seen) => seen ?? []);
  assert.ok(replica);
  as(SHELL, `ln -sfn ../../../../${pub} lnk`, home);
  if (replica.pid !== undefined) process.kill(replica.pid, 'SIGKILL');
  await startedAgain(driver, second);
  const told = await until('the next start is told', async () => {
    const lines = await logOf(driver, replica);
    return lines.some((line) => line === SECRET || line.includes('lies in the data directory'))
      ? lines
      : undefined;
  });
  assert.ok(told && !told.includes(SECRET), `it ran what only its owner may enter: ${told?.join(' | ')}`);
  assert.equal(flaws.length > 0 && /lies in the data directory/.test(flaws[0] ?? ''), true, flaws.join());
});

test('a link in the place of its own directory for files shows a replica nothing of another', async (t) => {
  if (!mayAttack(t)) return;
  const { host, driver, pub } = await aVictim(t);
  const look = `console.log('seen ' + JSON.stringify(require('node:fs').readdirSync('/var/tmp')));`;
  const rollout = host.rollout(`${look}${WEB}`, { user: SECOND });
  await driver.ensure(rollout, 1, never());
  const [replica] = await untilReady(driver, rollout);
  assert.ok(replica?.pid);
  as(SECOND, `rmdir tmp; ln -s ../../../${pub} tmp`, join(homeOf(host, rollout.instance), '..'));
  process.kill(replica.pid, 'SIGKILL');
  await startedAgain(driver, replica);
  const told = await until('it has looked again', async () => {
    const seen = (await logOf(driver, replica)).filter((line) => line.startsWith('seen '));
    return seen.length > 1 ? seen : undefined;
  });
  assert.equal(told?.at(-1), 'seen []');
});
