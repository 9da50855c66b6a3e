import { closeSync, constants, fchmodSync, fchownSync, openSync } from 'node:fs';

/** The directory becomes the user's own; what it is called may not lead elsewhere. */
export function giveDirectory(directory: string, user: number): void {
  const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = constants;
  const handle = openSync(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  try {
    fchownSync(handle, user, user);
    fchmodSync(handle, 0o700);
  } finally {
    closeSync(handle);
  }
}

/**
 * For all threads and for good. It comes when all code is loaded and all that only root may open is open, and before
 * anything that a stranger sent is read.
 */
export function becomeUser(user: number): void {
  process.setgroups?.([]);
  process.setgid?.(user);
  process.setuid?.(user);
}
