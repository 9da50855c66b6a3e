import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { keepNode, ownNodePath, removeOldNodes } from '../../src/runtimes/own-node.ts';

function aDir(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'openstage-node-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

test('a Node that npm brought is kept in the data directory and runs when its own directory is gone', (t) => {
  const dir = aDir(t);
  const modules = join(dir, 'project', 'node_modules');
  mkdirSync(join(modules, 'brought'), { recursive: true });
  const brought = join(modules, 'brought', 'node');
  copyFileSync(process.execPath, brought);
  const kept = keepNode(join(dir, 'data'), brought);
  assert.equal(kept, ownNodePath(join(dir, 'data')));
  rmSync(modules, { recursive: true });
  assert.equal(execFileSync(kept, ['-p', '6 * 7'], { encoding: 'utf8' }), '42\n');
  assert.equal(statSync(join(dir, 'data', 'node')).mode & 0o001, 1);
});

test('a kept Node is kept once, and one that was half copied is replaced', (t) => {
  const dir = aDir(t);
  const modules = join(dir, 'node_modules');
  mkdirSync(modules);
  const brought = join(modules, 'node');
  copyFileSync('/bin/sh', brought);
  const data = join(dir, 'data');
  const first = statSync(keepNode(data, brought)).ino;
  assert.equal(statSync(keepNode(data, brought)).ino, first);
  rmSync(ownNodePath(data));
  copyFileSync('/dev/null', ownNodePath(data));
  assert.equal(statSync(keepNode(data, brought)).size, statSync(brought).size);
});

test('a Node of the machine stays where it is', (t) => {
  const dir = aDir(t);
  assert.equal(keepNode(dir, '/usr/bin/node'), '/usr/bin/node');
  assert.equal(statSync(join(dir, 'node'), { throwIfNoEntry: false }), undefined);
});

test('a Node of another version goes once no release names it', async (t) => {
  const dir = aDir(t);
  for (const version of ['v1.0.0', 'v2.0.0', process.version]) {
    mkdirSync(join(dir, 'node', version), { recursive: true });
    copyFileSync('/dev/null', ownNodePath(dir, version));
  }
  const isNamed = (path: string) => Promise.resolve(path === '/node/v2.0.0');
  await removeOldNodes(dir, isNamed, { warn: () => {} });
  assert.deepEqual(readdirSync(join(dir, 'node')).sort(), ['v2.0.0', process.version].sort());
});
