import { Problem } from '../../src/domain/errors.ts';
import type { Clock } from '../../src/jobs/clock.ts';
import type { Store } from '../../src/store/open.ts';
import { type Reach, storeThrough } from './simulated-store.ts';
import type { World } from './world.ts';

/** Between a process and the store, one way. */
const LATENCY_MS = 2;
/** So much slower a call is now and then. */
const SLOW_MS = 150;

/**
 * One run of the platform. What it waits for reaches it through `deliver` alone: killed, nothing of it ever goes on;
 * paused, all that came meanwhile comes afterwards, in order.
 */
export class SimulatedProcess {
  readonly owner: string;
  readonly clock: Clock;
  readonly store: Pick<Store, 'read' | 'write'>;
  isDead = false;
  /** It stood still for a while, so it may not know that it lost its leases. */
  wasPaused = false;
  /** The store cannot be reached from here. */
  isCutOff = false;
  /** Faults of single calls. */
  faultRate = 0;
  #held: (() => void)[] | undefined;
  #wallSkewMs = 0;
  readonly #world: World;

  constructor(world: World, store: Store, owner: string, afterWrite: (owner: string) => void) {
    this.#world = world;
    this.owner = owner;
    const startedAt = world.now;
    const monotonicStart = world.between(0, 1e6);
    this.clock = {
      monotonic: () => monotonicStart + world.now - startedAt,
      now: () => Math.round(1_700_000_000_000 + world.now + this.#wallSkewMs),
      sleep: (ms, signal) => this.wait(ms, signal),
    };
    this.store = storeThrough(store, this.#reach(afterWrite));
  }

  deliver(go: () => void): void {
    if (this.isDead) return;
    if (this.#held) this.#held.push(go);
    else go();
  }

  wait(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted) {
        resolve();
        return;
      }
      const wake = () => {
        signal?.removeEventListener('abort', wake);
        resolve();
      };
      signal?.addEventListener('abort', wake, { once: true });
      // Timers are late, never early.
      this.#world.after(ms + this.#world.between(0, 2), () => this.deliver(wake));
    });
  }

  kill(): void {
    this.isDead = true;
    this.#held = undefined;
  }

  pause(): void {
    this.#held ??= [];
    this.wasPaused = true;
  }

  resume(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const go of held) this.deliver(go);
  }

  stepClock(byMs: number): void {
    this.#wallSkewMs += byMs;
  }

  #reach(afterWrite: (owner: string) => void): Reach {
    const world = this.#world;
    const latencyMs = () => (world.chance(0.02) ? world.between(0, SLOW_MS) : world.between(0, LATENCY_MS));
    return (what, work) =>
      new Promise((resolve, reject) => {
        const answer = (go: () => void) => world.after(latencyMs(), () => this.deliver(go));
        const isFaulty = () => this.isCutOff || world.chance(this.faultRate);
        const fail = () => answer(() => reject(new Problem('unavailable', 'The store cannot be reached.')));
        // A transaction is code of the process, so a paused one's begins when it goes on.
        const arrive = () => {
          if (isFaulty()) {
            fail();
            return;
          }
          void world.real(async () => {
            try {
              const value = await work();
              if (what === 'write') afterWrite(this.owner);
              // The commit counts although nobody hears of it.
              if (isFaulty()) fail();
              else answer(() => resolve(value));
            } catch (error) {
              answer(() => reject(error));
            }
          });
        };
        world.after(latencyMs(), () => this.deliver(arrive));
      });
  }
}
