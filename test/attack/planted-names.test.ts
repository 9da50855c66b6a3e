import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ask, launched, logOf, never, until, untilReady, WEB } from '../drivers/process/test-host.ts';
import { aHost, mayAttack } from './stage.ts';

const USER = 210_115;
const NEIGHBOUR = 210_116;

/** Of root alone, and seen by replicas: those have a /tmp of their own. */
const PRECIOUS = `/srv/openstage-planted-${process.pid}`;
const CONTENT = 'of root';

/** What an application can put where its launch file goes, and how its next start ends. */
const plants = {
  'a pipe': { shell: 'mkfifo "$1"', isStarted: true },
  'a link to a pipe': { shell: 'mkfifo "$1.pipe"; ln -s "$1.pipe" "$1"', isStarted: true },
  'a link to a file of root': { shell: `ln -s ${PRECIOUS} "$1"`, isStarted: true },
  'a socket': {
    shell: `perl -MIO::Socket::UNIX -e 'IO::Socket::UNIX->new(Local => $ARGV[0], Listen => 1)' "$1"`,
    isStarted: true,
  },
  'a directory': { shell: 'mkdir -p "$1/full"', isStarted: false },
};

for (const [what, { shell, isStarted }] of Object.entries(plants)) {
  test(`${what} where a launch file goes stops nobody but its own application`, async (t) => {
    if (!mayAttack(t)) return;
    writeFileSync(PRECIOUS, CONTENT, { mode: 0o600 });
    t.after(() => rmSync(PRECIOUS, { force: true }));
    const host = aHost(t);
    const driver = await host.driver();
    const other = host.rollout(WEB, { user: NEIGHBOUR });
    await driver.ensure(other, 1, never());
    const [neighbour] = await untilReady(driver, other);
    const rollout = launched(host.rollout(WEB, { user: USER }), {
      files: [{ path: 'conf/server.conf', content: 'content' }],
    });
    await driver.ensure(rollout, 1, never());
    const [replica] = await untilReady(driver, rollout);
    assert.ok(replica?.pid && neighbour);
    const file = join(host.dataDir, 'replicas', rollout.instance, '1-0', 'own', 'conf', 'server.conf');
    const asUser = [`--reuid=${USER}`, `--regid=${USER}`, '--clear-groups'];
    execFileSync('setpriv', [...asUser, 'sh', '-c', `rm "$1"; ${shell}`, 'sh', file]);
    // Had a supervisor opened it, it would wait for a reader for ever, and so would its successor.
    process.kill(replica.pid, 'SIGKILL');
    const [after] =
      (await until('its next start ended', async () => {
        const seen = await driver.observe(rollout.instance);
        return seen.some((each) =>
          isStarted ? each.restarts > 0 && each.readiness.ready : each.restarts > 0,
        )
          ? seen
          : undefined;
      })) ?? [];
    assert.ok(after);
    if (!isStarted)
      await until('it says why', async () =>
        (await logOf(driver, after)).some((line) => /server\.conf cannot be written: EEXIST/.test(line)),
      );
    driver.close();
    host.killSupervisor();
    const next = await host.open();
    const [still] = await next.observe(other.instance);
    assert.equal(still?.pid, neighbour.pid);
    assert.match(await ask(neighbour, '/'), /^pid/);
    assert.equal(readFileSync(PRECIOUS, 'utf8'), CONTENT);
  });
}
