import { chmod, chown, lstat } from 'node:fs/promises';
import type { BuildKey } from '../domain/ids.ts';

/** Beyond what systems, containers and our own users take; a key tells where in it to begin. */
const FIRST = 0x7000_0000;
const COUNT = 0x0fff_fff0;

/** Whoever starts the application gives it the build's group. */
const GROUP_ONLY = 0o750;
/** Where no group can be given: the applications' user is the platform's own, or the system has no such numbers. */
const OPEN = 0o755;
const OWN_ONLY = 0o500;
/** As the version before closed them, with everybody let in. */
const FORMER = 0o555;

const isRoot = process.getuid?.() === 0;

/** Each build belongs to a numeric group of its own, which its applications alone are in. */
export class BuildGroups {
  readonly #taken = new Map<number, BuildKey>();

  /** Seen on the disk. */
  note(key: BuildKey, group: number): void {
    if (group !== 0) this.#taken.set(group, key);
  }

  forget(key: BuildKey): void {
    for (const [group, owner] of this.#taken) if (owner === key) this.#taken.delete(group);
  }

  /** Lets the applications of a build in, and nobody else. */
  async close(dir: string, key: BuildKey): Promise<void> {
    if (!isRoot) return chmod(dir, OWN_ONLY);
    try {
      await chown(dir, 0, this.#groupFor(key));
      await chmod(dir, GROUP_ONLY);
    } catch {
      // A user namespace knows few numbers.
      await chmod(dir, OPEN);
    }
  }

  /** Those that ran before there were groups are in that of their user alone: a build of one user's becomes its group's. */
  async closeFormer(dir: string, key: BuildKey, users: ReadonlySet<number>): Promise<boolean> {
    if (!isRoot || !(await isFormer(dir))) return true;
    const [user, ...others] = users;
    if (others.length > 0) return false;
    if (user === undefined) await this.close(dir, key);
    else {
      await chown(dir, 0, user);
      await chmod(dir, GROUP_ONLY);
    }
    return true;
  }

  #groupFor(key: BuildKey): number {
    const begin = Number.parseInt(key.slice(0, 7), 16);
    for (let step = 0; ; step += 1) {
      const group = FIRST + ((begin + step) % COUNT);
      const owner = this.#taken.get(group);
      if (owner !== undefined && owner !== key) continue;
      this.#taken.set(group, key);
      return group;
    }
  }
}

async function isFormer(dir: string): Promise<boolean> {
  const { mode, gid } = await lstat(dir);
  return gid === 0 && (mode & 0o7777) === FORMER;
}

/** Whether the last step of making it was done. */
export async function isClosed(dir: string): Promise<boolean> {
  const mode = (await lstat(dir)).mode & 0o7777;
  return [GROUP_ONLY, OPEN, OWN_ONLY, FORMER].includes(mode);
}
