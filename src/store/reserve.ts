import { statfsSync, statSync } from 'node:fs';
import { type Kysely, sql } from 'kysely';
import type { Tables } from './tables.ts';

/** Of the store, what this needs. */
interface Access {
  readonly read: Kysely<Tables>;
  write(work: (tx: Kysely<Tables>) => Promise<unknown>): Promise<unknown>;
}

const MIB = 1024 ** 2;
/** Some hundred jobs: enough to stop and delete what fills the disk. */
const RESERVE_MIB = 4;
/** With less than that the disk itself is short, and its last space is not taken for this. */
const LEAST_FREE_BYTES = 64 * MIB;

/**
 * Room inside the database's own files, for the time when the disk is full: free pages in the one, and a log that is as
 * long already, which is written over and over. On file systems that write over in place nobody can take it away.
 */
export async function keepReserve(file: string, { read, write }: Access): Promise<void> {
  const { rows } = await sql<{ freelist_count: number; page_size: number }>`
    select freelist_count, page_size from pragma_freelist_count, pragma_page_size`.execute(read);
  const [{ freelist_count: pages, page_size: pageBytes } = { freelist_count: 0, page_size: 0 }] = rows;
  const logBytes = statSync(`${file}-wal`, { throwIfNoEntry: false })?.size ?? 0;
  const wanted = RESERVE_MIB * MIB;
  if (pages * pageBytes >= wanted / 2 && logBytes >= wanted) return;
  const { bavail, bsize } = statfsSync(file);
  if (bavail * bsize < LEAST_FREE_BYTES) return;
  const value = 'x'.repeat(MIB);
  const names = Array.from({ length: RESERVE_MIB }, (_, at) => `reserve-${at}`);
  // Committed one by one, or the pages would be free before they were ever in the files.
  for (const name of names)
    await write((tx) =>
      tx
        .insertInto('facts')
        .values({ name, value })
        .onConflict((on) => on.column('name').doUpdateSet({ value }))
        .execute(),
    );
  await write((tx) => tx.deleteFrom('facts').where('name', 'in', names).execute());
}
