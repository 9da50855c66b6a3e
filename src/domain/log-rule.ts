/** What is done with a directory that an application writes its log files into. */
export interface LogRule {
  readonly rotate: Rotate;
  /** Below a directory of the host each replica has one of its own, by its name. */
  readonly isPerReplica: boolean;
  /** One more directory below that, which bears the instance's name. */
  readonly container?: string;
}

/** At the full hour, at midnight, at midnight before a Monday; all in UTC. */
export type Rotate = 'hourly' | 'daily' | 'weekly';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** The first of January 1970 was a Thursday. */
const FIRST_MONDAY_MS = 4 * DAY_MS;

/** When the period began that `now` lies in; both in milliseconds since 1970. */
export function periodStart(rotate: Rotate, now: number): number {
  switch (rotate) {
    case 'hourly':
      return now - (now % HOUR_MS);
    case 'daily':
      return now - (now % DAY_MS);
    case 'weekly':
      return now - ((now - FIRST_MONDAY_MS) % (7 * DAY_MS));
  }
}

/** "20261125T160000Z": sorts by time, and is no ending that applications give. */
export const partStamp = (at: number): string => new Date(at).toISOString().replace(/[-:]|\.\d+/g, '');

export const PART = /^(.+)\.(\d{8}T\d{6}Z)$/s;

/** The file that a name is an old part of; absent: it is none. */
export const partOf = (name: string): string | undefined => PART.exec(name)?.[1];
