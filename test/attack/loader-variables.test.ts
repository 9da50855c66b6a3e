import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { Guard } from '../../src/domain/fences.ts';
import { never, TestHost, until, untilReady, WEB } from '../drivers/process/test-host.ts';
import { nodeWithoutPerl } from '../drivers/process/without-perl.ts';
import { aHost, mayAttack } from './stage.ts';

const USER = 210_101;

/** Writes whom it runs as, whichever way a loader or a library takes it in. */
const SOURCE = `
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
unsigned int la_version(unsigned int version) { return version; }
int gconv_init(void *step) { (void)step; return 0; }
__attribute__((constructor)) static void begin(void) {
  char text[64];
  int file = open(WITNESS, O_WRONLY | O_APPEND);
  int size = snprintf(text, sizeof text, "%d\\n", (int)getuid());
  if (file >= 0 && write(file, text, size) < 0) return;
}
`;

/** A place that the application sees under the same name as its host, with the shared object and what it writes to. */
function anObject(t: TestContext): {
  readonly object: string;
  readonly dir: string;
  witnesses(): Set<string>;
} {
  const dir = mkdtempSync('/srv/openstage-attack-');
  t.after(() => rmSync(dir, { recursive: true }));
  chmodSync(dir, 0o755);
  const [source, object, witness] = [join(dir, 'x.c'), join(dir, 'x.so'), join(dir, 'witness')];
  writeFileSync(source, SOURCE);
  writeFileSync(witness, '');
  chmodSync(witness, 0o666);
  execFileSync('gcc', ['-shared', '-fPIC', `-DWITNESS="${witness}"`, '-o', object, source]);
  mkdirSync(join(dir, 'gconv'));
  writeFileSync(join(dir, 'gconv', 'gconv-modules'), `module UTF-8// ATTACK// ${object} 1\n`);
  return {
    object,
    dir,
    witnesses: () => new Set(readFileSync(witness, 'utf8').split('\n').filter(Boolean)),
  };
}

/** Who ran the object, once the application is ready and its probe and both hooks have run. */
async function attack(
  t: TestContext,
  unfenced: readonly Guard[],
  options: { readonly node?: string } = {},
): Promise<Set<string>> {
  const { object, dir, witnesses } = anObject(t);
  const host = new TestHost(t, { unfenced: new Set(unfenced), ...options });
  const driver = await host.driver();
  const command = ['/bin/true'];
  const rollout = host.rollout(WEB, {
    user: USER,
    variables: {
      LD_PRELOAD: object,
      LD_AUDIT: object,
      GCONV_PATH: join(dir, 'gconv'),
      LANG: 'x.ATTACK',
      BASH_ENV: object,
      ENV: object,
      PERL5LIB: dir,
      PERL5OPT: '-Mattack',
      NODE_OPTIONS: '',
    },
    postStart: { type: 'command', command },
    preStop: { type: 'command', command },
    readiness: { type: 'command', command, delayMs: 0, timeoutMs: 10_000 },
  });
  await driver.ensure(rollout, 1, never());
  if (unfenced.length === 0) await untilReady(driver, rollout);
  else await until('something of root ran it', () => witnesses().has('0'));
  await driver.retire(rollout.instance, rollout.number, 0, 5000);
  return witnesses();
}

test('no program of root is loaded with what a tenant names in its variables', async (t) => {
  if (!mayAttack(t)) return;
  assert.ok((await attack(t, ['handed-variables'])).has('0'), 'without the guard the attack succeeds');
  assert.deepEqual(await attack(t, []), new Set([String(USER)]));
});

test('nor is one where the host has no perl, and Node hands the variables over', async (t) => {
  if (!mayAttack(t)) return;
  const node = nodeWithoutPerl(t);
  if (node === undefined) return;
  assert.ok(
    (await attack(t, ['handed-variables'], { node })).has('0'),
    'without the guard the attack succeeds',
  );
  assert.deepEqual(await attack(t, [], { node }), new Set([String(USER)]));
});

test('no command line shows a variable of a tenant', async (t) => {
  if (!mayAttack(t)) return;
  const host = aHost(t);
  const driver = await host.driver();
  const secret = 'a-canary-on-a-command-line';
  const rollout = host.rollout(`setTimeout(() => {}, 1e6); ${WEB}`, {
    user: USER,
    variables: { TOKEN: secret },
  });
  const seen = new Set<string>();
  let isOver = false;
  const ensuring = driver.ensure(rollout, 3, never()).finally(() => (isOver = true));
  while (!isOver) {
    for (const line of execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' }).split('\n'))
      if (line.includes(secret)) seen.add(line);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await ensuring;
  await untilReady(driver, rollout, 3);
  assert.deepEqual(seen, new Set());
});
