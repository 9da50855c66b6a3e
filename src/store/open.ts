import type { Kysely } from 'kysely';
import type { Tables } from './tables.ts';

/** A transaction under way. Work done with it must await nothing but its own queries. */
export type Tx = Kysely<Tables>;

export interface Store {
  /** Sees committed data only. */
  readonly read: Kysely<Tables>;
  /**
   * Runs `work` in a transaction and resolves after the commit; a throw rolls back this work alone.
   * Works that wait at the same time may share one commit. Fails with a Problem of code `unavailable`
   * when the database cannot be used now.
   */
  write<T>(work: (tx: Tx) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}
