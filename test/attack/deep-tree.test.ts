import assert from 'node:assert/strict';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { BuildStore, buildKeyOf } from '../../src/builds/build-store.ts';
import { Problem } from '../../src/domain/errors.ts';
import { stepsStage } from './steps-stage.ts';
import { mayAttack } from './stage.ts';

const USER = 264_941;
const LEVELS = 3000;
/** Names that are long, so that the path of the innermost one is longer than the kernel takes. */
const PROGRAM = `const fs = require("fs"); for (let i = 0; i < ${LEVELS}; i++) { fs.mkdirSync("nested-so-deep"); process.chdir("nested-so-deep") }; console.log("dug")`;
const DIG = `${process.execPath} -e '${PROGRAM}'`;

/** As one would do it by paths. */
async function everyPath(dir: string): Promise<void> {
  for (const entry of await readdir(dir, { withFileTypes: true }))
    if (entry.isDirectory()) await everyPath(join(dir, entry.name));
}

test('directories nested deeper than any path keep neither a build nor the next start from ending', async (t) => {
  if (!mayAttack(t)) return;
  const stage = stepsStage(t, false);
  const told: string[] = [];
  const store = new BuildStore(stage.dataDir, { warn: (_, message) => told.push(message) });
  const half = join(stage.dataDir, 'builds', buildKeyOf('half'));
  await mkdir(half, { recursive: true });
  assert.match(await stage.run(half, DIG, USER), /dug/);
  // The attack itself: whoever goes by paths does not get through.
  await assert.rejects(everyPath(half), /ENAMETOOLONG/);
  await store.removeLeftovers(120_000);
  assert.deepEqual(await readdir(join(stage.dataDir, 'builds')), []);
  assert.deepEqual(told, []);

  const made = store.ensure(buildKeyOf('deep'), async (dir) => {
    await stage.run(dir, DIG, USER);
  });
  await assert.rejects(
    made,
    (error) => error instanceof Problem && /goes more than 256 directories deep/.test(error.message),
  );
  assert.deepEqual(await readdir(join(stage.dataDir, 'builds')), []);
});

test('a step that digs while it is watched is ended', async (t) => {
  if (!mayAttack(t)) return;
  const stage = stepsStage(t, false);
  const dir = join(stage.dataDir, 'build');
  await mkdir(dir);
  await assert.rejects(
    stage.run(dir, `${DIG}; sleep 60`, USER, {
      disk: { bytes: 1024 ** 3, entries: 1_000_000, freeBytes: 0 },
    }),
    /made directories more than 256 deep and was ended/,
  );
});
