import { Problem } from '../domain/errors.ts';
import type { Digest } from '../domain/ids.ts';
import { BuildSlots } from './build-slots.ts';
import { orAborted } from '../connections/or-aborted.ts';

export interface SourceLimits {
  /** Of one step: the build command, or one call of git. */
  readonly timeMs: number;
  readonly memoryBytes: number;
  /** Of all that one build writes: checkout, dependencies, caches, result. */
  readonly diskBytes: number;
  /** What must stay free on the disk. */
  readonly freeBytes: number;
}

export interface SourceBuildSettings {
  readonly limits: SourceLimits;
  readonly slots: number;
  /** Certificate authorities for git, beside the system's own. */
  readonly caFile?: string;
}

/** What code was built into. */
export interface Built {
  readonly digest: Digest;
  readonly size: number;
  readonly fileName: string;
}

/** The builds from code that are under way in this platform. */
export class SourceBuilds {
  readonly settings: SourceBuildSettings;
  readonly slots: BuildSlots;
  readonly #running = new Map<string, Promise<Built>>();

  constructor(settings: SourceBuildSettings) {
    this.settings = settings;
    this.slots = new BuildSlots(settings.slots);
  }

  /**
   * One making for all that want the same; its Problem is theirs too. Where it ended otherwise (its job was called off),
   * each tries itself. `waits` is told when another one makes it.
   */
  async once(
    key: string,
    signal: AbortSignal,
    waits: () => void,
    make: () => Promise<Built>,
  ): Promise<Built> {
    for (;;) {
      const running = this.#running.get(key);
      if (!running) break;
      waits();
      try {
        return await orAborted(running, signal);
      } catch (error) {
        if (error instanceof Problem) throw error;
        signal.throwIfAborted();
      }
    }
    const making = make().finally(() => this.#running.delete(key));
    this.#running.set(key, making);
    return making;
  }
}
