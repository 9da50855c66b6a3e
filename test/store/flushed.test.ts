import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { databases } from './databases.ts';

const [sqlite] = databases();
assert.ok(sqlite);
const WRITES = 25;
const MOST_MS = 120_000;

/** Says each answer to standard output, one write after the other: the kernel sees what was done before. */
const program = (dataDir: string) => `
  import { writeSync } from 'node:fs';
  import { openStore } from ${JSON.stringify(new URL('../../src/store/open.ts', import.meta.url).href)};
  import { setFact } from ${JSON.stringify(new URL('../../src/store/facts.ts', import.meta.url).href)};
  const store = await openStore({ dataDir: ${JSON.stringify(dataDir)}, log: { warn() {} } });
  writeSync(1, 'answered\\n');
  for (let at = 0; at < ${WRITES}; at += 1) {
    await store.write((tx) => setFact(tx, 'fact' + at, 'x'));
    writeSync(1, 'answered\\n');
  }
  process.kill(process.pid, 'SIGKILL');`;

test('no write is answered before the disk was told to keep it, as the kernel saw it', async (t) => {
  if (spawnSync('strace', ['--version']).status !== 0) {
    assert.notEqual(
      process.env['OPENSTAGE_TEST_ALL'],
      '1',
      'this needs strace (Debian: apt-get install strace)',
    );
    t.diagnostic('left out: it needs strace (Debian: apt-get install strace)');
    return;
  }
  const { dataDir } = await sqlite.create(t);
  const trace = join(dataDir, 'trace');
  const seen = ['-f', '-y', '-s', '16', '-e', 'trace=write,pwrite64,fsync,fdatasync', '-o', trace];
  const node = ['--disable-warning=ExperimentalWarning', '--input-type=module', '--eval', program(dataDir)];
  const { stdout, stderr } = spawnSync('strace', [...seen, process.execPath, ...node], {
    encoding: 'utf8',
    timeout: MOST_MS,
  });
  assert.equal(stdout.match(/answered/g)?.length, WRITES + 1, stderr);
  let unflushed = 0;
  let flushes = 0;
  let answers = 0;
  for (const line of readFileSync(trace, 'utf8').split('\n')) {
    if (/pwrite64\(\d+<[^>]*openstage\.db-wal>/.test(line)) unflushed += 1;
    else if (/f(data)?sync\(\d+<[^>]*openstage\.db-wal>/.test(line)) {
      if (unflushed > 0) flushes += 1;
      unflushed = 0;
    } else if (/write\(1<[^>]*>, "answered/.test(line)) {
      answers += 1;
      assert.equal(unflushed, 0, `answer ${answers} came before the flush`);
    }
  }
  assert.equal(answers, WRITES + 1);
  assert.ok(flushes >= WRITES, `${WRITES} writes were answered, ${flushes} were flushed`);
  t.diagnostic(`${WRITES} writes answered, ${flushes} flushes of the log that held something new`);
});
