import { seeProcess } from './identity.ts';
import { BornLife } from './life.ts';
import type { Life } from './life.ts';
import type { Begun } from './spawn.ts';

export interface Birth {
  readonly life: Life;
  /** Only once it is written down: until then the process does nothing, and ends with this supervisor. */
  readonly give: () => void;
}

/** The life of a process that waits to become the application. */
export function birthOf(begun: Begun, boot: string, give: () => void): Birth {
  // Already dead, it has no start that could ever be mistaken for another's.
  const start = seeProcess(begun.pid)?.start ?? '';
  return { life: new BornLife({ boot, pid: begun.pid, start }, begun), give };
}
