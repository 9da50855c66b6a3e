import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { has, isRoot } from './machine.ts';
import { launched, logOf, never, TestHost, until } from './test-host.ts';
import { nodeWithoutPerl } from './without-perl.ts';

const USER = 210_191;
const VARIABLES = {
  'log-level': 'debug',
  'a.b': 'ü "$x" \n\t\\ \u{1F7E2}',
  EMPTY: '',
  EQUAL: '=a=b==',
  LONG: 'x'.repeat(120_000),
  NODE_OPTIONS: '',
};
/** Tells what it was given and what it is, byte by byte, with programs that change nothing of it. */
const TELL = `
echo "begin $1"
od -An -v -tx1 /proc/$$/environ | tr -d ' \\n'; echo
grep -E '^(Sig(Blk|Ign|Cgt)|Uid|Gid|Groups|NoNewPrivs|Cap...):' /proc/self/status
ls /proc/self/fd | tr '\\n' ' '; echo
pwd; ulimit -n; umask
echo "end $1"`;

async function told(t: TestContext, node: string | undefined): Promise<readonly string[]> {
  const host = new TestHost(t, node === undefined ? {} : { node });
  const driver = await host.driver();
  const record = (what: string) => ['/bin/sh', '-c', `(${TELL}) >"$HOME/$1"`, 'tell', what];
  const argv = ['/bin/sh', '-c', `(${TELL}) >"$HOME/$1"; exec sleep 100000`, 'tell', 'application'];
  const rollout = host.rollout(argv, {
    user: USER,
    variables: VARIABLES,
    postStart: { type: 'command', command: record('hook') },
    readiness: { type: 'command', command: record('probe'), delayMs: 0, timeoutMs: 10_000 },
  });
  await driver.ensure(rollout, 1, never());
  await until('it is ready', async () => (await driver.observe())[0]?.readiness.ready);
  const [replica] = await driver.observe();
  assert.ok(replica?.address);
  const home = join(host.dataDir, 'replicas', rollout.instance, '1-0', 'own', 'home');
  // Every host has its own directories and port, which are not what is compared.
  return ['application', 'hook', 'probe'].map((what) => {
    const [begin = '', environment = '', ...rest] = readFileSync(join(home, what), 'utf8').split('\n');
    const variables = Buffer.from(environment, 'hex')
      .toString('latin1')
      .split('\0')
      .filter((each) => !/^(PWD|OLDPWD|_|SHLVL)=/.test(each))
      .toSorted();
    for (const [name, value] of Object.entries(VARIABLES)) {
      const expected = Buffer.from(`${name}=${value}`).toString('latin1');
      assert.ok(variables.includes(expected), `${what} has ${name}`);
    }
    return [begin, ...variables, ...rest]
      .join('\n')
      .replaceAll(host.dir, '<dir>')
      .replaceAll(String(replica.address?.port), '<port>')
      .replaceAll(/^OPENSTAGE_HOME=.*$/gm, '');
  });
}

test('without perl application, probe and hook are given the same, to the byte, and are the same', async (t) => {
  const node = nodeWithoutPerl(t);
  if (node === undefined) return;
  assert.deepEqual(await told(t, node), await told(t, undefined));
});

test('without perl the same programs can be started, and what cannot is told in the same words', async (t) => {
  const node = nodeWithoutPerl(t);
  if (node === undefined) return;
  const outcomes = async (options: { node?: string }) => {
    const host = new TestHost(t, options);
    const driver = await host.driver();
    const place = (name: string, content: string, mode: number): string => {
      // Applications have a /tmp of their own, in which they see what is for all of them.
      const path = join(host.dataDir, 'runtimes', name);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, content);
      chmodSync(path, mode);
      return path;
    };
    const programs: Readonly<Record<string, readonly string[]>> = {
      'no shebang': [place('plain', 'echo "plain $1"; exec sleep 1000\n', 0o755), 'word'],
      shebang: [place('bang', '#!/bin/sh -e\necho "bang $1"; exec sleep 1000\n', 0o755), 'word'],
      'by PATH': ['sh', '-c', 'echo "path word"; exec sleep 1000'],
      'carriage return': [place('crlf', '#!/bin/sh\r\necho no\r\n', 0o755)],
      missing: ['/opt/no/such/program'],
      'missing by PATH': ['no-such-program'],
      'not executable': [place('closed', '#!/bin/sh\n', 0o644)],
    };
    const seen: Record<string, string> = {};
    for (const [name, argv] of Object.entries(programs)) {
      const rollout = host.rollout(argv, { user: USER });
      await driver.ensure(rollout, 1, never());
      const outcome = await until(`"${name}" has come to something`, async () => {
        const [each] = await driver.observe(rollout.instance);
        if (!each) return undefined;
        const [line] = await logOf(driver, each);
        return line?.replaceAll(host.dir, '<dir>');
      });
      assert.ok(outcome);
      seen[name] = outcome;
      await driver.retire(rollout.instance, rollout.number, 0, 0);
    }
    return seen;
  };
  const plain = await outcomes({});
  t.diagnostic(JSON.stringify(plain));
  assert.match(plain['no shebang'] ?? '', /^plain word$/);
  assert.deepEqual(await outcomes({ node }), plain);
});

test('launch files are written without perl, and never through a link of the application', async (t) => {
  const node = nodeWithoutPerl(t);
  if (node === undefined || !has(t, isRoot(), 'it needs a user')) return;
  const host = new TestHost(t, { node });
  const driver = await host.driver();
  const victim = join(host.dir, 'victim');
  writeFileSync(victim, 'precious', { mode: 0o666 });
  chmodSync(victim, 0o666);
  const program = `ln -sf ${victim} "$HOME/../conf/file"; cat "$HOME/../conf/file" | head -c 0; [ -e "$HOME/once" ] && exec sleep 1000; cat "$CONF"; touch "$HOME/once"; exit 3`;
  const rollout = launched(host.rollout(['/bin/sh', '-c', program], { user: USER }), {
    env: { CONF: '{{replicaDir}}/conf/file' },
    files: [{ path: 'conf/file', content: 'given ü {{port}}' }],
  });
  await driver.ensure(rollout, 1, never());
  await until('it runs for the second time', async () => {
    const [each] = await driver.observe();
    return each && each.restarts > 0 && each.pid !== undefined;
  });
  assert.equal(readFileSync(victim, 'utf8'), 'precious');
});
