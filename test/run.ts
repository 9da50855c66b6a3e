import { globSync } from 'node:fs';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { availableParallelism } from 'node:os';
import { relative } from 'node:path';
import { finished } from 'node:stream/promises';
import { findServer, startCluster } from './store/postgres-cluster.ts';

/**
 * Runs every suite, or those whose path contains a word given: `npm test -- store sim`.
 * OPENSTAGE_TEST_ALL=1: full sizes, a tool that the machine lacks is a failure, and what a platform with a database
 * does is tried a second time on PostgreSQL. OPENSTAGE_TEST_DATABASE=postgres: on PostgreSQL alone.
 */
const words = process.argv.slice(2).filter((word) => !word.startsWith('-') && !word.endsWith('run.ts'));
const isAll = process.env['OPENSTAGE_TEST_ALL'] === '1';
/** What happens to whole platforms when their PostgreSQL server is hurt: asked for by name, or with everything. */
const isOnPostgresAlone = (file: string) => /^test\/postgres\//.test(file);
const files = globSync('test/**/*.test.ts')
  .filter((file) =>
    words.length === 0 ? isAll || !isOnPostgresAlone(file) : words.some((word) => file.includes(word)),
  )
  .sort();
if (files.length === 0)
  throw new Error(`No test file under test/ has "${words.join('" or "')}" in its path.`);

/** Suites that start whole platforms: at full size each gets the machine to itself, or they would make each other late. */
const isHeavy = (file: string) => /^test\/(e2e|crash|cli|clients|attack|soak|postgres)\//.test(file);
/** Suites whose platform may have either database; the store's own loop over both. */
const isOnEither = (file: string) => /^test\/(api|actions|reconcile|crash)\//.test(file);
const isLong = process.env['OPENSTAGE_TEST_LONG'] === '1';
const FILE_MOST_MS = (isLong ? 120 : isAll ? 30 : 5) * 60_000;
/** However slow the machine is, the run ends by itself: what has not ended by then has failed. */
const ALL_MOST_MS = (isLong ? 480 : isAll ? 85 : 30) * 60_000;
const GRACE_MS = 20_000;
const SLOWEST = 10;

let failed = 0;
let passed = 0;
let skipped = 0;
const seconds = new Map<string, number>();

const isOver = AbortSignal.timeout(ALL_MOST_MS);
isOver.addEventListener('abort', () => {
  console.error(`The tests did not end within ${ALL_MOST_MS / 60_000} minutes and are stopped.`);
  failed += 1;
  setTimeout(() => conclude(), GRACE_MS).unref();
});

async function runFiles(some: string[], concurrency: number): Promise<void> {
  if (some.length === 0) return;
  const stream = run({
    files: some,
    concurrency,
    timeout: FILE_MOST_MS,
    signal: isOver,
    execArgv: ['--disable-warning=ExperimentalWarning'],
  });
  stream.on('test:pass', ({ skip, details }) => {
    if (details.type === 'suite') return;
    if (skip === undefined || skip === false) passed += 1;
    else skipped += 1;
  });
  stream.on('test:fail', () => (failed += 1));
  // The duration of a file is that of all its tests.
  for (const event of ['test:pass', 'test:fail'] as const)
    stream.on(event, ({ nesting, file, details }) => {
      if (nesting > 0 || file === undefined) return;
      seconds.set(file, (seconds.get(file) ?? 0) + details.duration_ms / 1000);
    });
  const output = stream.compose(new spec());
  output.pipe(process.stdout, { end: false });
  await finished(output);
}

const start = performance.now();

async function runAll(some: string[]): Promise<void> {
  await runFiles(
    some.filter((file) => !isHeavy(file)),
    Math.max(2, availableParallelism()),
  );
  await runFiles(some.filter(isHeavy), isAll ? 1 : 2);
}

/** One server for all files, which would otherwise start one each. */
async function runOnPostgres(some: string[]): Promise<void> {
  const bin = findServer();
  if (bin === undefined)
    throw new Error('PostgreSQL is missing here; install it (Debian: apt-get install postgresql).');
  const cluster = await startCluster(bin);
  process.env['OPENSTAGE_TEST_DATABASE'] = 'postgres';
  process.env['OPENSTAGE_TEST_POSTGRES_URL'] = cluster.url('postgres');
  console.log('\nOn PostgreSQL:');
  await runAll(some);
  await cluster.stop();
}

if (process.env['OPENSTAGE_TEST_DATABASE'] === 'postgres') await runOnPostgres(files);
else {
  await runAll(files);
  if (isAll && files.some(isOnEither)) await runOnPostgres(files.filter(isOnEither));
}
conclude();

function conclude(): never {
  if (skipped > 0) {
    console.error(
      `${skipped} tests were skipped; a test that cannot run here says so by name and passes, or fails under OPENSTAGE_TEST_ALL=1.`,
    );
    failed += skipped;
  }
  const slowest = [...seconds].toSorted(([, a], [, b]) => b - a).slice(0, SLOWEST);
  if (files.length > SLOWEST)
    console.log(
      `\nSlowest: ${slowest.map(([file, took]) => `${relative('.', file)} ${Math.round(took)} s`).join(', ')}`,
    );
  console.log(`\n${files.length} files in ${Math.round((performance.now() - start) / 1000)} s`);
  console.log(`${passed} passed, ${failed} failed`);
  process.exit(failed === 0 ? 0 : 1);
}
