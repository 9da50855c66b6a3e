import { setTimeout as wait } from 'node:timers/promises';
import type { Probe } from '../../../domain/release.ts';
import type { Hook } from '../../../domain/lifecycle.ts';
import type { Look, ProbeTarget } from './probes.ts';
import { look } from './probes.ts';

/** Migrations and warm-ups fit in; a hook that hangs does not hold a job to its deadline. */
const POST_START_MOST_MS = 60_000;
const ASK_AGAIN_MS = 50;
/** What is left of the grace is the application's own, for SIGTERM. */
const PRE_STOP_SHARE = 0.8;

/**
 * Once, after the start. A request waits until the application listens. Absent: the life ended meanwhile, and there
 * is nothing to say.
 */
export async function runPostStart(
  hook: Hook,
  target: ProbeTarget,
  stop: AbortSignal,
): Promise<Look | undefined> {
  const until = performance.now() + POST_START_MOST_MS;
  for (;;) {
    const seen = await look(asProbe(hook, until - performance.now()), target);
    if (stop.aborted) return undefined;
    if (!seen.isRefused || performance.now() + ASK_AGAIN_MS >= until) return seen;
    await wait(ASK_AGAIN_MS);
    if (stop.aborted) return undefined;
  }
}

/** Once, before SIGTERM; whatever it says, the end goes on. */
export const runPreStop = (hook: Hook, target: ProbeTarget, graceMs: number): Promise<Look> =>
  look(asProbe(hook, graceMs * PRE_STOP_SHARE), target);

function asProbe(hook: Hook, timeoutMs: number): Probe {
  const timing = { delayMs: 0, timeoutMs: Math.max(1, Math.floor(timeoutMs)) };
  return hook.type === 'command'
    ? { ...hook, ...timing }
    : { ...hook, scheme: 'HTTP', path: hook.path, ...timing };
}
