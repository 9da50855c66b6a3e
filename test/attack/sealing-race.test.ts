import assert from 'node:assert/strict';
import { chmod, lstat, mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { seal } from '../../src/builds/build-dir.ts';
import { endAllOf, runningAs, stepsStage, type StepsStage } from './steps-stage.ts';
import { mayAttack } from './stage.ts';

const USER = 264_901;
const ROUNDS = process.env['OPENSTAGE_TEST_ALL'] === '1' ? 50 : 4;
const DIRECTORIES = 60;
const FILES = ['key', 'admin-password', 'a', 'b', 'c'];

/** What a package's install script leaves behind: it waits until its files are taken away, and swaps the last ones for links. */
const EVIL = `
const fs = require('fs');
const vault = process.argv[1], dirs = fs.readdirSync('.').filter((name) => name.startsWith('d')).sort();
const end = Date.now() + 20000;
const isBegun = () => { try { return dirs.some((dir) => { const { uid, mode } = fs.lstatSync(dir + '/a'); return uid === 0 || (mode & 0o200) === 0; }); } catch { return true; } };
fs.writeFileSync('ready', '');
while (Date.now() < end && !isBegun());
for (const dir of dirs.toReversed()) { try { fs.renameSync(dir, 'was-' + dir); fs.symlinkSync(vault, dir); } catch {} }
`;

interface Vault {
  readonly dir: string;
  modes(): Promise<readonly string[]>;
}

async function aVault({ dataDir }: StepsStage, name: string): Promise<Vault> {
  const dir = join(dataDir, name);
  await mkdir(dir, { mode: 0o700 });
  for (const file of FILES) await writeFile(join(dir, file), 'secret', { mode: 0o600 });
  return {
    dir,
    async modes() {
      const seen = await Promise.all(
        [dir, ...FILES.map((file) => join(dir, file))].map(async (path) => {
          const { uid, mode } = await stat(path);
          return `${path} ${uid} ${(mode & 0o7777).toString(8)}`;
        }),
      );
      return seen;
    },
  };
}

/** A build whose step has ended, and left somebody behind where nothing keeps it from that. */
async function aBuild(stage: StepsStage, name: string, vault: Vault): Promise<string> {
  const dir = join(stage.dataDir, name);
  for (let index = 0; index < DIRECTORIES; index += 1) {
    const below = join(dir, 'package', `d${String(index).padStart(3, '0')}`);
    await mkdir(below, { recursive: true });
    for (const file of FILES) await writeFile(join(below, file), 'x');
  }
  await chmod(dir, 0o755);
  const program = join(dir, 'package', 'evil.js');
  await writeFile(program, EVIL);
  const leave = `cd ${join(dir, 'package')}; (setsid env -i ${process.execPath} -e "$(cat evil.js)" ${vault.dir} >/dev/null 2>&1 &); i=0; while [ ! -e ready ] && [ $i -lt 200 ]; do i=$((i+1)); sleep 0.05; done`;
  await stage.run(dir, leave, USER);
  return dir;
}

/** As it would be done by names: everything is looked at, and then changed by its path. */
async function sealByName(dir: string): Promise<void> {
  const paths = await readdir(dir, { recursive: true });
  const found = await Promise.all(paths.map(async (path) => ({ path, stats: await lstat(join(dir, path)) })));
  for (const { path, stats } of found.sort((one, other) => one.path.localeCompare(other.path)))
    if (stats.isFile()) await chmod(join(dir, path), 0o444).catch(() => undefined);
}

const sealByDescriptor = async (dir: string): Promise<void> => {
  await seal(dir);
};

async function attacked(
  t: TestContext,
  isUnfenced: boolean,
  sealing: (dir: string) => Promise<void>,
  rounds: number,
): Promise<{ readonly hits: number; readonly left: number }> {
  const stage = stepsStage(t, isUnfenced);
  t.after(() => endAllOf(USER));
  let hits = 0;
  let left = 0;
  for (let round = 0; round < rounds; round += 1) {
    const vault = await aVault(stage, `vault-${round}`);
    const before = await vault.modes();
    const dir = await aBuild(stage, `build-${round}`, vault);
    left += runningAs(USER).length;
    // Either it is sealed, or it is refused for what was put into it meanwhile.
    await sealing(dir).catch(() => undefined);
    for (let wait = 0; wait < 400 && runningAs(USER).length > 0; wait += 1)
      await new Promise((resolve) => setTimeout(resolve, 10));
    endAllOf(USER);
    if (JSON.stringify(await vault.modes()) !== JSON.stringify(before)) hits += 1;
    // Enough to know that it works.
    if (isUnfenced && sealing === sealByName && hits > 0) break;
  }
  return { hits, left };
}

test('sealing by names while somebody swaps files for links opens files outside: the attack works', async (t) => {
  if (!mayAttack(t)) return;
  const { hits, left } = await attacked(t, true, sealByName, ROUNDS);
  assert.ok(left > 0, 'nobody was left behind by the step');
  assert.ok(hits > 0, 'no file outside was touched');
});

test('sealing by descriptors changes nothing outside, though somebody swaps files for links', async (t) => {
  if (!mayAttack(t)) return;
  const { hits, left } = await attacked(t, true, sealByDescriptor, ROUNDS);
  assert.ok(left >= ROUNDS, `only ${left} were left behind`);
  assert.equal(hits, 0);
});

test('behind its fences a step leaves nobody behind to do so', async (t) => {
  if (!mayAttack(t)) return;
  const { hits, left } = await attacked(t, false, sealByDescriptor, 3);
  assert.deepEqual({ hits, left }, { hits: 0, left: 0 });
});
