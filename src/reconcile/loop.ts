import { OVER, type Clock } from '../jobs/clock.ts';
import { isTold, waitAfter } from './back-off.ts';

export interface ReconcileLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

export interface LoopSettings {
  /** For the log: "observing", "collecting". */
  readonly name: string;
  readonly everyMs: number;
  readonly clock: Clock;
  readonly log: ReconcileLog;
  run(stop: AbortSignal): Promise<void>;
}

const MOST_MS = 5 * 60_000;

/** Runs again and again, one run after the other. A run that fails is repeated later each time, and told ever less often. */
export class Loop {
  readonly #settings: LoopSettings;
  readonly #stop = new AbortController();
  #pause = new AbortController();
  #isWoken = false;
  #life: Promise<void> = Promise.resolve();

  constructor(settings: LoopSettings) {
    this.#settings = settings;
  }

  start(): void {
    this.#life = this.#live();
  }

  /** The next run is now; any number of calls make one run. */
  wake(): void {
    this.#isWoken = true;
    this.#pause.abort(OVER);
  }

  async stop(): Promise<void> {
    this.#stop.abort(OVER);
    this.wake();
    await this.#life;
  }

  async #live(): Promise<void> {
    const { name, everyMs, clock, log, run } = this.#settings;
    let failures = 0;
    while (!this.#stop.signal.aborted) {
      this.#isWoken = false;
      this.#pause = new AbortController();
      try {
        await run(this.#stop.signal);
        if (failures > 0) log.info({ failures }, `${name} works again`);
        failures = 0;
      } catch (error) {
        failures += 1;
        if (isTold(failures)) log.warn({ error, failures }, `${name} failed; will retry`);
      }
      const waitMs =
        failures === 0 ? everyMs : waitAfter(failures, { firstMs: everyMs, mostMs: MOST_MS }, Math.random);
      if (!this.#isWoken) await clock.sleep(waitMs, this.#pause.signal);
    }
  }
}
