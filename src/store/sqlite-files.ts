import { statSync } from 'node:fs';
import { Problem } from '../domain/errors.ts';

/**
 * The files that a database was opened with, by device and inode. Deleted or replaced they still take writes, which
 * nobody would ever see again: the names lead elsewhere by then.
 */
export class SqliteFiles {
  readonly #opened: ReadonlyMap<string, string>;

  constructor(file: string) {
    const files = [file, `${file}-wal`].map((name) => [name, identityOf(name)] as const);
    this.#opened = new Map(
      files.flatMap(([name, identity]) => (identity === undefined ? [] : [[name, identity]])),
    );
  }

  /** Throws where a name leads to another file by now, or to none. */
  assertThere(): void {
    for (const [file, identity] of this.#opened) {
      const now = identityOf(file);
      if (now === identity) continue;
      throw new Problem(
        'unavailable',
        `The database file ${file} was ${now === undefined ? 'deleted' : 'replaced'} while the platform runs, so nothing was changed: what is written now would be lost. ` +
          'Stop the platform, put the file back (or restore a backup), and start it again.',
      );
    }
  }
}

function identityOf(file: string): string | undefined {
  const found = statSync(file, { bigint: true, throwIfNoEntry: false });
  return found && `${found.dev}:${found.ino}`;
}
