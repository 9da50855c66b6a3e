// Plain JavaScript that any Node understands.
import { existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Where Node keeps what it compiled of these sources, for the command or for the tests; other sources, another directory. */
export function compiledDir(root, whose = 'openstage') {
  const src = join(root, 'src');
  const files = existsSync(src) ? readdirSync(src, { recursive: true, encoding: 'utf8' }) : [];
  const newest = Math.max(0, ...files.map((name) => statSync(join(src, name)).mtimeMs));
  return join(cacheOf(root, whose), Math.floor(newest).toString(36));
}

export function removeOthers(current) {
  const cache = dirname(current);
  for (const name of existsSync(cache) ? readdirSync(cache) : []) {
    if (join(cache, name) !== current) rmSync(join(cache, name), { recursive: true, force: true });
  }
}

const cacheOf = (root, whose) => join(root, 'node_modules', '.cache', whose);
