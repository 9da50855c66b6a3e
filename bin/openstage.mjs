#!/usr/bin/env node
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compiledDir, removeOthers } from './compiled.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const command = join(root, 'src', 'cli', 'openstage.ts');

// What runs for months begins with everything compiled: see run.mjs. Once per version, in half a second.
const compiled = compiledDir(root);
if (process.argv[2] === 'serve' && !existsSync(compiled)) {
  try {
    removeOthers(compiled);
    spawnSync(process.execPath, [join(root, 'bin', 'run.mjs'), command, '--help'], { stdio: 'ignore' });
  } catch {
    // Not ours to write: the platform is larger, not worse.
  }
}

process.argv.splice(2, 0, command);
await import('./run.mjs');
