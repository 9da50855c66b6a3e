import {
  chmodSync,
  copyFileSync,
  constants,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
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

/** Nodes of other versions that no release starts; what still runs of one keeps its file until it ends. */
export async function removeOldNodes(
  dataDir: string,
  isNamed: (end: string) => Promise<boolean>,
  log: { warn(fields: object, message: string): void },
): Promise<void> {
  const root = join(dataDir, 'node');
  const versions = existsSync(root) ? readdirSync(root) : [];
  for (const version of versions.filter((one) => one !== process.version)) {
    // Launches name it by a path that does not begin here, or in PATH alone.
    if (await isNamed(`/node/${version}`)) continue;
    try {
      rmSync(join(root, version), { recursive: true, force: true });
    } catch (error) {
      log.warn({ error, version }, 'an old Node in the data directory cannot be removed');
    }
  }
}
