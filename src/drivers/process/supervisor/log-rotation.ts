import { periodStart } from '../../../domain/log-rule.ts';
import type { Volume } from '../../../domain/volume.ts';
import { reasonOf } from './reason.ts';
import type { Replica } from './replica.ts';
import { rotateDir } from './rotate-dir.ts';
import { tellInLog } from './spawn.ts';

/** Rotates the log files of all replicas when their hour, day or week begins; what was missed is made up for. */
export class LogRotation {
  readonly #replicas: () => readonly Replica[];
  readonly #now: () => number;
  readonly #lookedAt = new WeakMap<Replica, number>();
  #isAtWork = false;

  constructor(replicas: () => readonly Replica[], now: () => number) {
    this.#replicas = replicas;
    this.#now = now;
  }

  /** Cheap while nothing is due; never throws. */
  look(): void {
    if (this.#isAtWork) return;
    const replicas = this.#replicas().filter(({ placement }) => placement.rollout.volumes?.some(hasLogs));
    if (replicas.length === 0) return;
    this.#isAtWork = true;
    void this.#lookAt(replicas).finally(() => (this.#isAtWork = false));
  }

  async #lookAt(replicas: readonly Replica[]): Promise<void> {
    for (const replica of replicas) {
      try {
        await this.#lookAtOne(replica, this.#now());
      } catch {
        // It was removed meanwhile, or the disk is full; the next look tries again.
      }
    }
  }

  async #lookAtOne(replica: Replica, now: number): Promise<void> {
    const { files, placement } = replica;
    const last = this.#lookedAt.get(replica) ?? files.rotatedAt();
    // A clock that was put back must not keep rotation from coming.
    if (last === undefined || last > now) return this.#looked(replica, now);
    if (periodStart('hourly', now) <= last) return;
    for (const [index, { logs }] of (placement.rollout.volumes ?? []).entries()) {
      const begun = logs && periodStart(logs.rotate, now);
      const source = files.logDir(index);
      if (begun === undefined || begun <= last || !source) continue;
      const { instance, placement: at } = placement.rollout;
      const flaws = await rotateDir(source, at.user, begun, { owner: instance }).catch((error: unknown) => [
        reasonOf(error),
      ]);
      for (const flaw of flaws) tellInLog(files, `its log could not be rotated: ${flaw}`);
    }
    this.#looked(replica, now);
  }

  #looked(replica: Replica, now: number): void {
    replica.files.saveRotatedAt(now);
    this.#lookedAt.set(replica, now);
  }
}

const hasLogs = ({ logs }: Volume): boolean => logs !== undefined;
