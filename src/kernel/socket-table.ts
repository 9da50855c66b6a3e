import { closeSync, openSync, readSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { readSocketRow } from '../domain/listeners.ts';

/** What listens on this host at one moment, in the kernel's own words. */
export interface SocketTable {
  readonly tcp: string;
  readonly tcp6: string;
}

/** Lengths of one row and of the titles before them; elsewhere other lengths cost time and nothing else. */
const FILES = {
  tcp: { path: '/proc/net/tcp', row: 150, titles: 150 },
  tcp6: { path: '/proc/net/tcp6', row: 178, titles: 145 },
} as const;

/** The kernel answers at most a page at once. */
const PAGE = 4096;
/** More than these are read beside the event loop, at any length. */
const MOST_ROWS_AT_ONCE = 1024;

type Name = keyof typeof FILES;

/**
 * Reads the listening sockets of the host. They come first in the kernel's tables; behind them a walk over every
 * connection's hash bucket begins (5 to 10 ms where there are 262,144 of them), into which a read of a whole page runs
 * on its own. So a read asks for exactly the rows that were there at the last look.
 */
export class SocketTables {
  readonly #rows: Record<Name, number> = { tcp: 0, tcp6: 0 };
  readonly #buffer = Buffer.allocUnsafe(PAGE);

  /** As many rows as the last whole look found: what is missing here may be there all the same. */
  readQuickly(): SocketTable | undefined {
    if (this.#rows.tcp + this.#rows.tcp6 > MOST_ROWS_AT_ONCE) return undefined;
    return { tcp: this.#readRows('tcp'), tcp6: this.#readRows('tcp6') };
  }

  async readAll(): Promise<SocketTable> {
    const [tcp, tcp6] = await Promise.all([this.#readListening('tcp'), this.#readListening('tcp6')]);
    return { tcp, tcp6 };
  }

  #readRows(name: Name): string {
    const { path, row, titles } = FILES[name];
    let left = this.#rows[name];
    if (left === 0) return '';
    let text = '';
    const file = openSync(path, 'r');
    try {
      for (let extra: number = titles; left > 0; extra = 0) {
        const count = Math.min(left, Math.floor((PAGE - extra) / row));
        const length = readSync(file, this.#buffer, 0, extra + count * row, null);
        if (length === 0) break;
        text += this.#buffer.toString('latin1', 0, length);
        left -= count;
      }
    } finally {
      closeSync(file);
    }
    return text;
  }

  async #readListening(name: Name): Promise<string> {
    let text = '';
    const file = await open(FILES[name].path, 'r');
    try {
      const buffer = Buffer.allocUnsafe(PAGE);
      for (;;) {
        const { bytesRead } = await file.read(buffer, 0, PAGE, null);
        text += buffer.toString('latin1', 0, bytesRead);
        if (bytesRead === 0 || !isLastListening(text)) break;
      }
    } finally {
      await file.close();
    }
    this.#rows[name] = countListening(text);
    return text;
  }
}

/** The kernel answers whole rows; of the titles alone nothing can be told. */
function isLastListening(text: string): boolean {
  const last = text.trimEnd();
  return readSocketRow(last.slice(last.lastIndexOf('\n') + 1))?.isListening ?? true;
}

function countListening(text: string): number {
  let count = 0;
  for (const line of text.split('\n')) if (readSocketRow(line)?.isListening === true) count++;
  return count;
}

/** The row of one connection, seen from the side that was connected to. Walks over all of them. */
export async function findConnection(
  local: string,
  remote: string,
): Promise<ReturnType<typeof readSocketRow>> {
  const file = await open(FILES.tcp6.path, 'r');
  try {
    const buffer = Buffer.allocUnsafe(PAGE);
    for (let kept = ''; ;) {
      const { bytesRead } = await file.read(buffer, 0, PAGE, null);
      if (bytesRead === 0) return undefined;
      kept += buffer.toString('latin1', 0, bytesRead);
      const at = kept.indexOf(`${local} ${remote} `);
      const end = at < 0 ? -1 : kept.indexOf('\n', at);
      if (end >= 0) return readSocketRow(kept.slice(kept.lastIndexOf('\n', at) + 1, end));
      kept = kept.slice(kept.lastIndexOf('\n') + 1);
    }
  } finally {
    await file.close();
  }
}
