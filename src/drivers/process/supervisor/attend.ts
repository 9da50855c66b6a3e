import type { Hook } from '../../../domain/lifecycle.ts';
import type { Readiness } from '../../../domain/rollout.ts';
import type { Subject } from './health.ts';
import { watchHealth } from './health.ts';
import { runPostStart } from './hooks.ts';

export interface Attended extends Subject {
  /** Absent: none is asked for, or it is done. */
  readonly postStart: Hook | undefined;
  readonly onPostStartDone: () => void;
  readonly onPostStartFailed: (saw: string) => void;
}

const RUNNING: Readiness = { ready: false, code: 'hookRunning', saw: 'its post-start hook is running' };

/** Looks after one life until the returned function is called: first its hook, and only then whether it is ready and alive. */
export function attend(life: Attended): () => void {
  if (!life.postStart) return watchHealth(life);
  const over = new AbortController();
  life.onReadiness(RUNNING);
  void runPostStart(life.postStart, life, over.signal).then((seen) => {
    if (!seen) return;
    if (!seen.isFine) return life.onPostStartFailed(seen.saw);
    life.onPostStartDone();
    const stop = watchHealth(life);
    if (over.signal.aborted) stop();
    else over.signal.addEventListener('abort', stop);
  });
  return () => over.abort();
}
