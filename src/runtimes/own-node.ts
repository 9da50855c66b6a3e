import {
  chmodSync,
  copyFileSync,
  constants,
  linkSync,
  mkdirSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { dirname, join } from 'node:path';

/** Where the data directory keeps a Node, by its version: releases name it for as long as they can be rolled back to. */
export const ownNodePath = (dataDir: string, version = process.version): string =>
  join(dataDir, 'node', version, 'node');

/**
 * The Node for all that outlives the platform. One that npm brought lies in node_modules, which `npm ci` and the
 * next version's directory take away: then the data directory gets it too, as a link where that can be, else a copy.
 */
export function keepNode(dataDir: string, path = process.execPath): string {
  if (!path.split('/').includes('node_modules')) return path;
  const target = ownNodePath(dataDir);
  if (statSync(target, { throwIfNoEntry: false })?.size === statSync(path).size) return target;
  for (const dir of [dirname(dirname(target)), dirname(target)]) {
    mkdirSync(dir, { recursive: true });
    // Applications of other users pass through.
    chmodSync(dir, 0o755);
  }
  const temporary = `${target}.new`;
  rmSync(temporary, { force: true });
  try {
    linkSync(path, temporary);
  } catch {
    copyFileSync(path, temporary, constants.COPYFILE_FICLONE);
    chmodSync(temporary, 0o755);
  }
  renameSync(temporary, target);
  return target;
}
