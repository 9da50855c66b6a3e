import assert from 'node:assert/strict';
import {
  chmod,
  chown,
  link,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { BuildStore, buildKeyOf } from '../../src/builds/build-store.ts';
import { MARK } from '../../src/builds/process-group.ts';
import { buildKey } from '../../src/domain/ids.ts';
import { Problem } from '../../src/domain/errors.ts';

const isRoot = process.getuid?.() === 0;
const key = buildKeyOf('digest', 'Nodejs8', 'package.json', 'Node.js 24.1.0', '1');

async function aStore(t: TestContext): Promise<{ readonly store: BuildStore; readonly dataDir: string }> {
  const dataDir = await mkdtemp(join(tmpdir(), 'openstage-builds-'));
  const store = new BuildStore(dataDir);
  t.after(async () => {
    execFileSync('chmod', ['-R', 'u+w', dataDir]);
    await rm(dataDir, { recursive: true, force: true });
  });
  return { store, dataDir };
}

async function makeApp(dir: string): Promise<void> {
  await mkdir(join(dir, 'package', 'bin'), { recursive: true });
  await writeFile(join(dir, 'package', 'app.js'), 'app', { mode: 0o666 });
  await writeFile(join(dir, 'package', 'bin', 'run'), '#!/bin/sh\n', { mode: 0o4777 });
  await symlink('app.js', join(dir, 'package', 'link'));
}

const modeOf = async (...parts: readonly string[]) => (await stat(join(...parts))).mode & 0o7777;

test('a key tells builds apart by their parts and by where one part ends', () => {
  assert.match(key, /^[0-9a-f]{64}$/);
  assert.equal(buildKeyOf('a', 'b'), buildKeyOf('a', 'b'));
  assert.notEqual(buildKeyOf('a', 'b'), buildKeyOf('ab'));
  assert.notEqual(buildKeyOf('a', 'b'), buildKeyOf('ab', ''));
});

test('a build is whole, read-only and closed to all but its own group once it is there', async (t) => {
  const { store } = await aStore(t);
  assert.equal(await store.has(key), false);
  const dir = await store.ensure(key, makeApp);
  assert.equal(dir, store.dir(key));
  assert.equal(await store.has(key), true);
  assert.deepEqual(await store.list(), [key]);
  assert.equal(await modeOf(dir), isRoot ? 0o750 : 0o500);
  assert.equal(await modeOf(dir, 'package'), 0o555);
  assert.equal(await modeOf(dir, 'package', 'app.js'), 0o444);
  assert.equal(await modeOf(dir, 'package', 'bin', 'run'), 0o555);
  assert.equal(await readFile(join(dir, 'package', 'link'), 'utf8'), 'app');
});

test('builds cannot be listed by applications', async (t) => {
  const { store, dataDir } = await aStore(t);
  await store.ensure(key, makeApp);
  assert.equal(await modeOf(dataDir, 'builds'), 0o711);
});

test('a build is made where it stays, so that what its steps write may name the place', async (t) => {
  const { store } = await aStore(t);
  let madeIn = '';
  const dir = await store.ensure(key, async (place) => {
    madeIn = place;
    await makeApp(place);
  });
  assert.equal(madeIn, dir);
});

test('a build that is there is not made again, by this run or by the next', async (t) => {
  const { store, dataDir } = await aStore(t);
  await store.ensure(key, makeApp);
  await store.ensure(key, () => Promise.reject(new Error('made again')));
  await new BuildStore(dataDir).ensure(key, () => Promise.reject(new Error('made again')));
});

test('callers that ask for one key at once share one making', async (t) => {
  const { store } = await aStore(t);
  let makings = 0;
  const make = async (dir: string) => {
    makings += 1;
    await makeApp(dir);
  };
  const dirs = await Promise.all(Array.from({ length: 20 }, () => store.ensure(key, make)));
  assert.equal(makings, 1);
  assert.equal(new Set(dirs).size, 1);
});

test('a Problem is shared too, and leaves nothing behind', async (t) => {
  const { store, dataDir } = await aStore(t);
  let makings = 0;
  const fails = async (dir: string) => {
    makings += 1;
    await makeApp(dir);
    throw new Problem('buildFailed', 'no');
  };
  const outcomes = await Promise.allSettled([store.ensure(key, fails), store.ensure(key, fails)]);
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ['rejected', 'rejected'],
  );
  assert.equal(makings, 1);
  assert.deepEqual(await readdir(join(dataDir, 'builds')), []);
  await store.ensure(key, makeApp);
});

test('a caller that is called off takes no other with it', async (t) => {
  const { store } = await aStore(t);
  const begun = Promise.withResolvers<void>();
  const off = Promise.withResolvers<never>();
  const first = store.ensure(key, () => {
    begun.resolve();
    return off.promise;
  });
  await begun.promise;
  const others = [store.ensure(key, makeApp), store.ensure(key, makeApp)];
  off.reject(new Error('called off'));
  await assert.rejects(first, /called off/);
  assert.deepEqual(await Promise.all(others), [store.dir(key), store.dir(key)]);
});

test('what a dead run left half-made is removed at start, and what is whole stays', async (t) => {
  const { store, dataDir } = await aStore(t);
  await store.ensure(key, makeApp);
  const half = buildKeyOf('half');
  await makeApp(join(dataDir, 'builds', half));
  execFileSync('chmod', ['-R', 'a-w', join(dataDir, 'builds', half)]);
  const next = new BuildStore(dataDir);
  assert.equal(await next.has(half), false);
  await next.removeLeftovers();
  assert.deepEqual(await readdir(join(dataDir, 'builds')), [key]);
});

test('a half-made build is made anew without a clean start', async (t) => {
  const { store, dataDir } = await aStore(t);
  await makeApp(join(dataDir, 'builds', key));
  await writeFile(join(dataDir, 'builds', key, 'rubbish'), 'x');
  const dir = await store.ensure(key, makeApp);
  assert.deepEqual((await readdir(dir)).sort(), ['build.json', 'package']);
});

test('a step that outlived its platform is ended before its build is removed', async (t) => {
  const { store, dataDir } = await aStore(t);
  const half = join(dataDir, 'builds', buildKeyOf('half'));
  await makeApp(half);
  const sleep = ['-e', 'setInterval(() => {}, 1000)'];
  const mine = spawn(process.execPath, sleep, {
    env: { [MARK]: `${join(half, 'package')}#1` },
    detached: true,
  });
  const other = spawn(process.execPath, sleep, {
    env: { [MARK]: `${dataDir}-other/builds/x#1` },
    detached: true,
  });
  t.after(() => other.kill('SIGKILL'));
  const ended = once(mine, 'exit');
  await Promise.all([once(mine, 'spawn'), once(other, 'spawn')]);
  await store.removeLeftovers();
  assert.deepEqual(await ended, [null, 'SIGKILL']);
  assert.equal(other.exitCode ?? other.signalCode, null, 'the step of another data directory lives');
});

test('a build can be removed although it is read-only, and removed again', async (t) => {
  const { store, dataDir } = await aStore(t);
  await store.ensure(key, makeApp);
  await store.remove(key);
  await store.remove(key);
  assert.equal(await store.has(key), false);
  assert.deepEqual(await readdir(join(dataDir, 'builds')), []);
});

test('what leads out of a build by a hard link is refused before its mode is touched', async (t) => {
  const { store, dataDir } = await aStore(t);
  const outside = join(dataDir, 'outside');
  await writeFile(outside, 'x', { mode: 0o640 });
  const make = async (dir: string) => {
    await makeApp(dir);
    await link(outside, join(dir, 'package', 'twin'));
  };
  await assert.rejects(store.ensure(key, make), (error: unknown) => {
    assert.ok(error instanceof Problem && error.code === 'packageUnusable');
    assert.match(error.message, /"package\/twin" is a hard link to a file outside/);
    return true;
  });
  assert.equal(await modeOf(outside), 0o640);
  assert.equal(await readFile(outside, 'utf8'), 'x');
});

test('a hard link within a build, and a link out of it, are kept as they are', async (t) => {
  const { store, dataDir } = await aStore(t);
  const outside = join(dataDir, 'outside');
  await writeFile(outside, 'x', { mode: 0o640 });
  const dir = await store.ensure(key, async (place) => {
    await makeApp(place);
    await link(join(place, 'package', 'app.js'), join(place, 'package', 'twin'));
    await symlink(outside, join(place, 'package', 'python'));
  });
  assert.equal((await stat(join(dir, 'package', 'twin'))).nlink, 2);
  assert.equal(await modeOf(outside), 0o640);
});

test('a FIFO in a build is refused', async (t) => {
  const { store } = await aStore(t);
  const make = async (dir: string) => {
    await makeApp(dir);
    execFileSync('mkfifo', [join(dir, 'package', 'pipe')]);
  };
  await assert.rejects(store.ensure(key, make), /"package\/pipe" is a device, a socket or a FIFO/);
});

test('a large build is sealed as a small one', async (t) => {
  const { store } = await aStore(t);
  const dir = await store.ensure(key, async (place) => {
    for (let index = 0; index < 200; index++) await writeFile(join(place, `f${index}`), 'x');
  });
  assert.equal(await modeOf(dir, 'f199'), 0o444);
});

test('a full disk is said to be full, and the build can be made later', async (t) => {
  const { store, dataDir } = await aStore(t);
  const full = Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
  await assert.rejects(
    store.ensure(key, () => Promise.reject(full)),
    (error: unknown) => {
      assert.ok(error instanceof Problem && error.code === 'unavailable');
      assert.match(error.message, /ENOSPC/);
      return true;
    },
  );
  assert.deepEqual(await readdir(join(dataDir, 'builds')), []);
  await store.ensure(key, makeApp);
});

test('what is no key names no directory', async (t) => {
  const { store } = await aStore(t);
  for (const text of ['', '..', '../../etc', 'A'.repeat(64), `${key}/..`, `${key}\n`]) {
    assert.throws(() => store.dir(buildKey(text)), TypeError);
  }
});

test('a build that is used is not collected, and one that is being collected is made anew', async (t) => {
  const { store } = await aStore(t);
  const longAgo = new Date(1_000_000);
  const dir = await store.ensure(key, makeApp);
  const soon = Date.now() - 60_000;
  await utimes(dir, longAgo, longAgo);
  // Seen as unused, then taken by a release, and only then removed: the look before does not count.
  await store.ensure(key, () => Promise.reject(new Error('made again')));
  assert.equal(await store.removeUnused(key, soon), false);
  await utimes(dir, longAgo, longAgo);
  assert.equal(await store.use(key), true);
  assert.equal(await store.removeUnused(key, soon), false);
  assert.equal(await store.has(key), true);
  // All at once, many times: whoever asked has a whole build in the end.
  for (let round = 0; round < 50; round += 1) {
    await utimes(dir, longAgo, longAgo);
    const works = [
      () => store.removeUnused(key, soon),
      () => store.ensure(key, makeApp),
      () => store.use(key),
    ];
    const order = works.map((work, index) => ({ work, at: (index + round) % works.length }));
    await Promise.all(order.toSorted((one, other) => one.at - other.at).map(({ work }) => work()));
    assert.equal(await store.has(key), true, `round ${round}`);
    assert.equal(await readFile(join(dir, 'package', 'app.js'), 'utf8'), 'app');
  }
  // Asked for while it goes, it is not there; a release that took it for whole would start from nothing.
  for (let round = 0; round < 20; round += 1) {
    await store.ensure(key, makeApp);
    await utimes(dir, longAgo, longAgo);
    const [isRemoved, isUsed] = await Promise.all([store.removeUnused(key, soon), store.use(key)]);
    assert.deepEqual({ isRemoved, isUsed }, { isRemoved: true, isUsed: false }, `round ${round}`);
  }
});

test('a leftover that cannot be removed is told and passed over', async (t) => {
  const { dataDir } = await aStore(t);
  const told: string[] = [];
  const store = new BuildStore(dataDir, { warn: (_, message) => told.push(message) });
  await makeApp(join(dataDir, 'builds', buildKeyOf('half')));
  // No time at all is left for it, as for one that takes too long.
  await store.removeLeftovers(-1_000_000);
  const left = await readdir(join(dataDir, 'builds'));
  assert.ok(left.length === 0 || told.length > 0, 'nothing was told');
  await store.removeLeftovers();
  assert.deepEqual(await readdir(join(dataDir, 'builds')), []);
});

if (isRoot) {
  test('each build has a group of its own, which no other has, in this run and the next', async (t) => {
    const { store, dataDir } = await aStore(t);
    const twin = buildKey(`${key.slice(0, 10)}${'0'.repeat(54)}`);
    const dirs = [await store.ensure(key, makeApp), await new BuildStore(dataDir).ensure(twin, makeApp)];
    const groups = await Promise.all(dirs.map(async (dir) => (await stat(dir)).gid));
    assert.equal(new Set(groups).size, 2);
    for (const group of groups) assert.ok(group >= 0x7000_0000, String(group));
    const cat = (extra: readonly string[]) =>
      spawnSync(
        'setpriv',
        ['--reuid=200001', '--regid=200001', ...extra, 'cat', join(dirs[0] ?? '', 'package', 'app.js')],
        {
          encoding: 'utf8',
        },
      );
    await chmod(dataDir, 0o711);
    assert.equal(cat([`--groups=${groups[0]}`]).stdout, 'app');
    for (const extra of [[`--groups=${groups[1]}`], ['--clear-groups']])
      assert.notEqual(cat(extra).status, 0);
  });

  test('builds of the version before are closed at start, without taking them from what runs', async (t) => {
    const { store, dataDir } = await aStore(t);
    const keys = ['unused', 'of one', 'of two'].map((name) => buildKeyOf(name));
    const dirs = await Promise.all(keys.map((each) => store.ensure(each, makeApp)));
    for (const dir of dirs) {
      await chown(dir, 0, 0);
      await chmod(dir, 0o555);
    }
    const [, one = key, two = key] = keys;
    const users = new Map([
      [one, new Set([200_007])],
      [two, new Set([200_007, 200_008])],
    ]);
    await new BuildStore(dataDir).closeFormer(users);
    const seen = await Promise.all(dirs.map(async (dir) => [(await stat(dir)).gid, await modeOf(dir)]));
    assert.ok((seen[0]?.[0] ?? 0) >= 0x7000_0000);
    assert.deepEqual([seen[0]?.[1], ...seen.slice(1)], [0o750, [200_007, 0o750], [0, 0o555]]);
    await new BuildStore(dataDir).closeFormer(new Map());
    assert.equal(await modeOf(dirs[2] ?? ''), 0o750);
  });

  test('as root, a build belongs to root however its steps ran', async (t) => {
    const { store } = await aStore(t);
    const dir = await store.ensure(key, async (place) => {
      await makeApp(place);
      execFileSync('chown', ['-R', '-h', '200001:200001', join(place, 'package')]);
    });
    for (const path of ['package', 'package/app.js', 'package/bin/run']) {
      const { uid, gid } = await stat(join(dir, path));
      assert.deepEqual({ uid, gid }, { uid: 0, gid: 0 }, path);
    }
  });
}

test('names that are no UTF-8 are sealed, counted and removed like others, also of a hard link', async (t) => {
  const { store } = await aStore(t);
  const odd = (dir: string, name: string) => Buffer.from(`${dir}/${name}`, 'latin1');
  const dir = await store.ensure(key, async (place) => {
    await makeApp(place);
    await mkdir(odd(place, 'd\xfe'));
    await writeFile(odd(place, 'd\xfe/b\xff'), 'odd', { mode: 0o666 });
    await link(odd(place, 'd\xfe/b\xff'), odd(place, 'd\xfe/c\xff'));
    await symlink('nowhere', odd(place, 'l\xff'));
    await writeFile(join(place, 'gr\u00fc\u00df'), 'umlauts', { mode: 0o666 });
  });
  assert.equal((await stat(odd(dir, 'd\xfe/b\xff'))).mode & 0o7777, 0o444);
  assert.equal((await stat(odd(dir, 'd\xfe'))).mode & 0o7777, 0o555);
  assert.equal(await modeOf(dir, 'gr\u00fc\u00df'), 0o444);
  await store.remove(key);
  await assert.rejects(stat(dir), /ENOENT/);
});

test('what cannot be kept of such a name is told with its bytes escaped', async (t) => {
  const { store } = await aStore(t);
  const made = store.ensure(key, async (place) => {
    await mkdir(join(place, 'package'));
    execFileSync('perl', ['-e', 'use POSIX; POSIX::mkfifo("$ARGV[0]/b\\xff", 0600) or die', place]);
  });
  await assert.rejects(made, (error) => {
    assert.ok(error instanceof Problem, String(error));
    assert.match(error.message, /"b\\udcff" is a device, a socket or a FIFO/);
    return true;
  });
});
