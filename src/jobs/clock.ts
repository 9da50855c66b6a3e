/** Time as the engine sees it. Leases and deadlines go by `monotonic`; `now` is only written down. */
export interface Clock {
  /** Milliseconds from an arbitrary start; never steps. */
  monotonic(): number;
  /** Milliseconds since 1970, as the machine's clock has it. */
  now(): number;
  /** Resolves after `ms`, or as soon as `signal` aborts; never rejects. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** Reason of signals that only end a wait. Without one, each abort builds an error with its stack, which showed in profiles. */
export const OVER = 'over';

export const systemClock: Clock = {
  monotonic: () => performance.now(),
  now: () => Date.now(),
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) {
        resolve();
        return;
      }
      const wake = () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', wake);
        resolve();
      };
      const timer = setTimeout(wake, ms);
      signal?.addEventListener('abort', wake, { once: true });
    }),
};
