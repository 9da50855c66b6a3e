import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { endAllOf, stepsStage } from './steps-stage.ts';
import { mayAttack } from './stage.ts';

const FIRST = 264_911;
const SECOND = 264_912;

/** Looks where others' steps work, and puts its own code there. */
const EVIL = `
const fs = require('fs');
const end = Date.now() + 15000;
const own = process.cwd();
fs.writeFileSync('ready', '');
while (Date.now() < end) for (const pid of fs.readdirSync('/proc').filter((name) => /^[0-9]+$/.test(name))) {
  try {
    const dir = fs.readlinkSync('/proc/' + pid + '/cwd');
    if (!dir.includes('/other-build')) continue;
    fs.writeFileSync(dir + '/app.js', 'stolen');
    process.exit(0);
  } catch {}
}
`;

async function attacked(
  t: TestContext,
  isUnfenced: boolean,
  users: readonly [number, number],
): Promise<string> {
  const stage = stepsStage(t, isUnfenced);
  t.after(() => users.forEach(endAllOf));
  const [own, other] = [join(stage.dataDir, 'own-build'), join(stage.dataDir, 'other-build')];
  for (const dir of [own, other]) {
    await mkdir(dir);
    await chmod(dir, 0o711);
  }
  await writeFile(join(own, 'evil.js'), EVIL);
  await writeFile(join(other, 'app.js'), 'honest', { mode: 0o644 });
  const leave = `(setsid env -i ${process.execPath} -e "$(cat evil.js)" >/dev/null 2>&1 &); i=0; while [ ! -e ready ] && [ $i -lt 200 ]; do i=$((i+1)); sleep 0.05; done`;
  await stage.run(own, leave, users[0]);
  assert.ok(existsSync(join(own, 'ready')), 'the attack did not begin');
  await stage.run(
    other,
    'i=0; while grep -q honest app.js && [ $i -lt 60 ]; do i=$((i+1)); sleep 0.05; done',
    users[1],
  );
  return readFile(join(other, 'app.js'), 'utf8');
}

test("what a step left behind puts its code into another tenant's build: the attack works", async (t) => {
  if (!mayAttack(t)) return;
  assert.equal(await attacked(t, true, [FIRST, FIRST]), 'stolen');
});

test("nothing of a step is left to reach another tenant's build", async (t) => {
  if (!mayAttack(t)) return;
  // Even as one user, the one cannot be there any more; as users of their own, it could not write.
  assert.equal(await attacked(t, false, [FIRST, FIRST]), 'honest');
  assert.equal(await attacked(t, true, [FIRST, SECOND]), 'honest');
});

test('a step sees nothing of the data directory but its own tree, and leaves nothing in shared places', async (t) => {
  if (!mayAttack(t)) return;
  for (const isUnfenced of [true, false]) {
    const stage = stepsStage(t, isUnfenced);
    const dir = join(stage.dataDir, 'builds', 'own');
    await mkdir(dir, { recursive: true });
    await writeFile(join(stage.dataDir, 'others-file'), 'of another', { mode: 0o644 });
    const mark = `/dev/shm/openstage-left-${process.pid}-${isUnfenced}`;
    const look = `cat ${stage.dataDir}/others-file || echo hidden; echo x > ${mark}; echo x > ${mark.replace('/dev/shm', '/tmp')}`;
    const printed = await stage.run(dir, look, FIRST);
    const isLeft = [mark, mark.replace('/dev/shm', '/tmp')].map((path) => existsSync(path));
    for (const path of [mark, mark.replace('/dev/shm', '/tmp')]) await stage.run(dir, `rm -f ${path}`, FIRST);
    assert.match(printed, isUnfenced ? /of another/ : /hidden/);
    assert.deepEqual(isLeft, [isUnfenced, isUnfenced]);
  }
});
