import { relative } from 'node:path';
import { Problem } from '../domain/errors.ts';
import { Beneath } from '../files/beneath.ts';
import type { BuildContext } from './runtime.ts';

export const unusable = (message: string): Problem => new Problem('packageUnusable', message);

/** The path of a file of the build, as a launch names it. */
export function inRelease(build: Pick<BuildContext, 'buildDir'>, path: string): string {
  const below = relative(build.buildDir, path);
  return below === '' ? '{{releaseDir}}' : `{{releaseDir}}/${below}`;
}

/** Small files such as package.json or Procfile; more than this is not one. */
const TEXT_BYTES_MOST = 1024 * 1024;
const FIRST_LINE_BYTES = 256;
const NAMES_SHOWN = 8;

/**
 * What a package holds, by paths below its directory. Its maker may have put links there, and the platform may read what
 * the maker may not: no link leads out of it.
 */
export class PackageTree extends Beneath {
  /** The first of these files that is there, by name. */
  async firstFile(names: readonly string[]): Promise<string | undefined> {
    for (const name of names) if (await this.isFile(name)) return name;
    return undefined;
  }

  async smallText(path: string): Promise<string | undefined> {
    await using file = await this.open(path);
    if (!file) return undefined;
    const { size } = await file.stat();
    if (size > TEXT_BYTES_MOST)
      throw unusable(`${path.split('/').at(-1)} has ${size} bytes; expected at most ${TEXT_BYTES_MOST}.`);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(size), 0, size, 0);
    return buffer.subarray(0, bytesRead).toString('utf8');
  }

  /** The first line's interpreter, such as "/bin/bash", of a script. */
  async interpreterOf(path: string): Promise<readonly string[] | undefined> {
    await using file = await this.open(path);
    if (!file) return undefined;
    const { buffer, bytesRead } = await file.read(Buffer.alloc(FIRST_LINE_BYTES), 0, FIRST_LINE_BYTES, 0);
    const [first = ''] = buffer.subarray(0, bytesRead).toString('latin1').split('\n');
    return first.startsWith('#!') ? first.slice(2).trim().split(/\s+/) : undefined;
  }

  /** For messages: what a package holds, since that is what its author has to look at. */
  async holds(): Promise<string> {
    const names = (await this.entries()).map(({ name }) => name);
    if (names.length === 0) return 'it is empty';
    const shown = names.slice(0, NAMES_SHOWN).join(', ');
    return `it holds ${shown}${names.length > NAMES_SHOWN ? ` and ${names.length - NAMES_SHOWN} more` : ''}`;
  }
}
