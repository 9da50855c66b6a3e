import { closeSync, constants, fchownSync, fstatSync, mkdirSync, openSync } from 'node:fs';
import { reasonOf } from './reason.ts';

const HELD = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

/** A name in a directory that is held open: found in that very directory, wherever it was moved. */
export const inHeld = (file: number, dir: string, name = ''): string =>
  process.platform === 'linux' ? `/proc/self/fd/${file}/${name}` : `${dir}/${name}`;

/**
 * Below a directory in which only root may write, each replica gets one that its user owns, with parents that are
 * root's: it cannot put another in its place. False where others may write there, or we are not root: the application
 * has to make its own then.
 */
export function makeLogDir(
  { path }: { readonly path: string },
  names: readonly string[],
  user: number | undefined,
): boolean {
  if (user === undefined || process.getuid?.() !== 0 || names.length === 0) return false;
  let dir = path;
  let held = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    const { uid, mode } = fstatSync(held);
    if (uid !== 0 || (mode & 0o022) !== 0) return false;
    for (const [index, name] of names.entries()) {
      const owner = index === names.length - 1 ? user : 0;
      const next = makeOwned(inHeld(held, dir, name), `${dir}/${name}`, owner);
      closeSync(held);
      held = next;
      dir = `${dir}/${name}`;
    }
    return true;
  } finally {
    closeSync(held);
  }
}

function makeOwned(place: string, shown: string, owner: number): number {
  try {
    mkdirSync(place, { mode: owner === 0 ? 0o755 : 0o750 });
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST'))
      throw new Error(`${shown} cannot be made (${reasonOf(error)})`, { cause: error });
  }
  const file = openSync(place, HELD);
  // Made by us, now or before a crash: nobody else may make anything there, so it is ours to give away.
  if (fstatSync(file).uid === 0) fchownSync(file, owner, owner);
  const { uid } = fstatSync(file);
  if (uid === owner) return file;
  closeSync(file);
  throw new Error(`${shown} belongs to user ${uid}, not to ${owner}; move it away, or give it to that user`);
}
