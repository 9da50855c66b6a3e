import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

const MIB = 1024 ** 2;
/** The Node that the platform keeps in its data directory (some 125 MB), and the 200 MiB without which it builds nothing. */
const MOST_MIB = 512;

/** A file system of its own that is soon full: everything that fills it has the kernel's own answer. */
export class SmallDisk {
  readonly #root: string;

  private constructor(root: string) {
    this.#root = root;
  }

  /** Absent where the machine does not allow it, which the test says. */
  static mount(t: TestContext, mib = MOST_MIB): SmallDisk | undefined {
    const root = mkdtempSync(join(tmpdir(), 'openstage-disk-'));
    const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${mib}m,mode=755`, 'tmpfs', root]);
    if (status === 0) return new SmallDisk(root);
    rmSync(root, { recursive: true });
    assert.notEqual(process.env['OPENSTAGE_TEST_ALL'], '1', 'a small file system needs root');
    t.diagnostic('left out: a small file system needs root');
    return undefined;
  }

  /** A data directory on it. */
  get dataDir(): string {
    const dir = join(this.#root, 'data');
    mkdirSync(dir, { recursive: true });
    return dir;
  }

  get freeBytes(): number {
    const { bavail, bsize } = statfsSync(this.#root);
    return bavail * bsize;
  }

  get #stranger(): string {
    return join(this.#root, 'stranger');
  }

  /** By a file of nobody's, to the last byte. */
  fill(): void {
    const file = openSync(this.#stranger, 'a');
    try {
      for (const size of [MIB, 4096]) writeUntilFull(file, Buffer.alloc(size));
    } finally {
      closeSync(file);
    }
  }

  free(): void {
    rmSync(this.#stranger, { force: true });
  }

  /** Last of all; what still holds it open keeps it until it ends. */
  release(): void {
    const { status, stderr } = spawnSync('umount', ['--lazy', this.#root], { encoding: 'utf8' });
    assert.equal(status, 0, stderr);
    rmSync(this.#root, { recursive: true });
  }
}

function writeUntilFull(file: number, bytes: Buffer): void {
  try {
    for (;;) writeSync(file, bytes);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error;
  }
}
