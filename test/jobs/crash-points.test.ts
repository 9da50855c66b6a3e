import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { instanceId } from '../../src/domain/ids.ts';
import { crashAt } from '../../src/jobs/crash-points.ts';
import { findJob } from '../../src/store/jobs.ts';
import { openStore } from '../../src/store/open.ts';
import { silentLog } from '../store/databases.ts';
import { scriptedKind, submit, taskStates } from './scripted-kind.ts';
import { until } from './until.ts';

const child = fileURLToPath(import.meta.resolve('./crash-child.ts'));

async function work(dataDir: string, named: string, isFailing: boolean): Promise<string> {
  const run = spawn(process.execPath, [child, dataDir, named, isFailing ? 'failing' : ''], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const [code, signal]: unknown[] = await once(run, 'exit');
  return String(signal ?? code);
}

/** Kills a worker at the named instant, lets another one finish, and tells what became of the job. */
async function killedAt(named: string, isFailing: boolean) {
  const dataDir = mkdtempSync(join(tmpdir(), 'openstage-crash-'));
  try {
    const store = await openStore({ dataDir, log: silentLog });
    const kind = scriptedKind([{ name: 'a' }, { name: 'b' }, { name: 'c' }], []);
    const id = await submit(store, kind, instanceId('instance-1'));
    const first = await work(dataDir, named, isFailing);
    const second = await work(dataDir, '', isFailing);
    const job = await findJob(store.read, id);
    const states = await taskStates(store.read, id);
    const [ending] = await store.read
      .selectFrom('facts')
      .select('value')
      .where('name', '=', 'ended')
      .execute();
    await store.close();
    const effects = readFileSync(join(dataDir, 'effects'), 'utf8').trim().split('\n');
    return { first, second, state: job?.state, states, effects, ending: ending?.value };
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
}

/** An effect that a killed worker repeats is the same effect. */
const withoutRepeats = (effects: readonly string[]) => effects.filter((one, n) => one !== effects[n - 1]);

const isAll = process.env['OPENSTAGE_TEST_ALL'] === '1';
const ending = ['before:finish', 'after:finish'];
const forward = isAll
  ? ['a', 'b', 'c'].flatMap((name) => [`before:${name}`, `during:${name}+10`, `after:${name}`])
  : ['before:a', 'during:b+10', 'after:c'];
const backward = isAll
  ? ['after:b', ...['a', 'b'].flatMap((name) => [`before-undo:${name}`, `after-undo:${name}`])]
  : ['after-undo:b'];

describe('a worker killed at a named instant', { concurrency: 2 }, () => {
  for (const named of [...forward, ...ending]) {
    test(`at ${named}: the job goes on from there and succeeds once`, async () => {
      const { first, second, state, states, effects, ending } = await killedAt(named, false);
      assert.deepEqual([first, second, state, ending], ['SIGKILL', '0', 'succeeded', 'well']);
      assert.deepEqual(withoutRepeats(effects), ['a', 'b', 'c']);
      assert.deepEqual(new Set(Object.values(states)), new Set(['succeeded']));
    });
  }

  for (const named of [...backward, ...ending]) {
    test(`of a failing job at ${named}: it is undone once and fails`, async () => {
      const { first, second, state, states, effects, ending } = await killedAt(named, true);
      assert.deepEqual([first, second, state, ending], ['SIGKILL', '0', 'failed', 'badly']);
      assert.deepEqual(withoutRepeats(effects), ['a', 'b', 'c', 'undo b', 'undo a']);
      assert.deepEqual(states, { a: 'undone', b: 'undone', c: 'failed', finish: 'failed' });
    });
  }
});

test('without a name no crash point ever kills', () => {
  const passed = crashAt(undefined, () => assert.fail('killed'));
  passed('before:a');
  passed('');
});

test('a crash point kills at its own name only, later where it says so', async () => {
  let kills = 0;
  const kill = () => (kills += 1);
  crashAt('before:a', kill)('before:b');
  crashAt('before:a', kill)('during:a');
  assert.equal(kills, 0);
  crashAt('before:a', kill)('before:a');
  assert.equal(kills, 1);
  crashAt('after:a+1', kill)('after:a');
  assert.equal(kills, 1);
  await until('the late kill', () => kills === 2);
});
