#!/usr/bin/env node
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const command = join(root, 'src', 'cli', 'openstage.ts');

// What runs for months begins with everything compiled: see run.mjs. Once per installation, in half a second.
if (process.argv[2] === 'serve' && !existsSync(join(root, 'node_modules', '.cache', 'openstage')))
  spawnSync(process.execPath, [join(root, 'bin', 'run.mjs'), command, '--help'], { stdio: 'ignore' });

process.argv.splice(2, 0, command);
await import('./run.mjs');
