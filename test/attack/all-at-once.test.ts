import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Observed, Rollout } from '../../src/domain/rollout.ts';
import { logOf, never, SLEEP, until, untilReady, WEB, type TestHost } from '../drivers/process/test-host.ts';
import { aHost, cgroupsOf, mayAttack } from './stage.ts';

const LIMITS = { cpuMillis: 500, memoryBytes: 256 * 1024 ** 2 };
const perl = (program: string): readonly string[] => ['/usr/bin/perl', '-e', program];
const SAY = `$| = 1; print "at it\\n";`;

const BUSY = `for (1 .. 40) { next if fork(); 1 while 1; } ${SAY} sleep 600;`;
/** Its flavor bounds how many there are at a time. */
const CHURN = `
use POSIX;
$SIG{CHLD} = 'IGNORE';
sub churn {
  select(undef, undef, undef, 0.01);
  for (1 .. 4) { my $pid = fork(); if (defined $pid && $pid == 0) { POSIX::setsid(); churn(); } }
  POSIX::_exit(0);
}
for (1 .. 4) { my $pid = fork(); if (defined $pid && $pid == 0) { POSIX::setsid(); churn(); } }
${SAY} sleep 600;`;
const HOARD = `
use POSIX;
for (1 .. 50) { next if fork(); for (1 .. 1000) { POSIX::open('/dev/null', O_RDONLY) // last; } sleep 600; }
${SAY} sleep 600;`;
const FIFOS = `
use POSIX;
use File::Find;
my @dirs = grep { -d } ($ENV{HOME}, "$ENV{HOME}/..", "$ENV{HOME}/../..", '/tmp', '.');
my @found;
find({ no_chdir => 1, wanted => sub { push @found, $_ if -f } }, @dirs);
for my $file (@found) { unlink($file) && mkfifo($file, 0666); }
for my $dir (@dirs) { mkfifo("$dir/$_", 0666) for qw(log log.1 record.json replica.json holder.json package.json .profile); }
for my $name (qw(home tmp)) { rename("$ENV{HOME}/../$name", "$ENV{HOME}/../$name.old") && mkfifo("$ENV{HOME}/../$name", 0666); }
${SAY} sleep 600;`;
const DEEP = `
const fs = require('node:fs');
process.chdir(process.env.HOME);
for (let i = 0; i < 3000; i += 1) { fs.mkdirSync('nested-so-deep'); process.chdir('nested-so-deep'); }
console.log('at it');
setInterval(() => {}, 60_000);`;
const LARGE = Object.fromEntries(
  Array.from({ length: 7 }, (_, index) => [`LARGE_${index}`, 'x'.repeat(100_000)]),
);

const attacksOf = (host: TestHost): Readonly<Record<string, Rollout>> => ({
  busy: host.rollout(perl(BUSY), {
    user: 264_961,
    limits: LIMITS,
    readiness: {
      type: 'command',
      command: ['/usr/bin/perl', '-e', 'fork(); fork(); 1 while 1'],
      delayMs: 0,
      timeoutMs: 1000,
    },
  }),
  churn: host.rollout(perl(CHURN), { user: 264_962, limits: LIMITS }),
  hoard: host.rollout(perl(HOARD), { user: 264_963, limits: LIMITS }),
  large: host.rollout(perl(`${SAY} sleep 600;`), { user: 264_964, limits: LIMITS, variables: LARGE }),
  fifos: host.rollout(perl(FIFOS), { user: 264_965, limits: LIMITS }),
  deep: host.rollout(DEEP, { user: 264_966, limits: LIMITS }),
});

const CALLS = 200;
const MOST_MS = 10_000;

class Clock {
  readonly #took: number[] = [];

  get calls(): number {
    return this.#took.length;
  }

  async of<T>(call: Promise<T>): Promise<T> {
    const begin = performance.now();
    const answer = await call;
    this.#took.push(performance.now() - begin);
    return answer;
  }

  /** Of all: 0.5 is the median, 1 the longest. */
  at(share: number): number {
    const sorted = this.#took.toSorted((a, b) => a - b);
    return Math.round(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0);
  }
}

const lifeOf = ({ instance, ordinal, pid, restarts, lastExit }: Observed) => ({
  instance,
  ordinal,
  pid,
  restarts,
  lastExit,
});

test('calls about others are answered while six applications attack at once, and nothing of these is left', async (t) => {
  if (!mayAttack(t)) return;
  const host = aHost(t);
  const driver = await host.driver();
  const standing = host.rollout(WEB, { user: 264_960 });
  await driver.ensure(standing, 2, never());
  const before = (await untilReady(driver, standing, 2)).map(lifeOf);
  const supervisor = host.supervisorPid();

  const attacks = attacksOf(host);
  await Promise.all(Object.values(attacks).map((attack) => driver.ensure(attack, 1, never())));
  for (const [name, { instance }] of Object.entries(attacks)) {
    await until(`${name} is at it`, async () => {
      const [seen] = await driver.observe(instance);
      // Who was ended for what it took was at it, too.
      return (
        seen && (seen.lastExit?.causeCode === 'tookTooMuch' || (await logOf(driver, seen)).includes('at it'))
      );
    });
  }

  const clock = new Clock();
  for (let user = 264_970; clock.calls < CALLS; user += 1) {
    const small = host.rollout(SLEEP, { user });
    await clock.of(driver.ensure(small, 1, never()));
    const [seen] = await clock.of(driver.observe(small.instance));
    // It need not run yet: its replica is placed and kept alive.
    assert.ok(seen?.state === 'starting' || seen?.state === 'running', seen?.state);
    assert.deepEqual([seen.restarts, seen.lastExit], [0, undefined]);
    assert.deepEqual((await clock.of(driver.observe(standing.instance))).map(lifeOf), before);
    await clock.of(driver.retire(small.instance, 1, 0, 2_000));
  }
  t.diagnostic(
    `${clock.calls} calls: p50 ${clock.at(0.5)} ms, p99 ${clock.at(0.99)} ms, longest ${clock.at(1)} ms`,
  );
  assert.ok(clock.at(1) < MOST_MS, `the longest call took ${clock.at(1)} ms`);

  const cgroupsOfAttacks = () =>
    cgroupsOf(host.dataDir).filter((dir) =>
      Object.values(attacks).some(({ instance }) => dir.includes(`/${instance}-`)),
    );
  assert.equal((await driver.observe()).length, before.length + Object.keys(attacks).length);
  assert.ok(cgroupsOfAttacks().length >= Object.keys(attacks).length);
  await Promise.all(Object.values(attacks).map(({ instance }) => driver.retire(instance, 1, 0, 1_000)));
  assert.deepEqual((await driver.observe()).map(lifeOf), before);
  assert.equal(host.supervisorPid(), supervisor);
  for (const { instance } of Object.values(attacks)) assert.deepEqual(host.marked(instance), []);
  assert.deepEqual(cgroupsOfAttacks(), []);
  const replicas = join(host.dataDir, 'replicas');
  await until('nothing of them is left', () => readdirSync(join(replicas, '.trash')).length === 0);
  assert.deepEqual(
    readdirSync(replicas).filter((name) => name !== '.trash'),
    [standing.instance],
  );
});
