// Plain JavaScript that any Node understands.
import { existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** Where Node keeps what it compiled of these sources; other sources, another directory. */
export function compiledDir(root) {
  const src = join(root, 'src');
  const files = existsSync(src) ? readdirSync(src, { recursive: true, encoding: 'utf8' }) : [];
  const newest = Math.max(0, ...files.map((name) => statSync(join(src, name)).mtimeMs));
  return join(cacheOf(root), Math.floor(newest).toString(36));
}

export function removeOthers(root, current) {
  const cache = cacheOf(root);
  for (const name of existsSync(cache) ? readdirSync(cache) : []) {
    if (join(cache, name) !== current) rmSync(join(cache, name), { recursive: true, force: true });
  }
}

const cacheOf = (root) => join(root, 'node_modules', '.cache', 'openstage');
