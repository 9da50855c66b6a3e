import type { ArtifactStore } from '../artifacts/artifact-store.ts';
import type { BuildStore } from '../builds/build-store.ts';
import type { Clock } from '../jobs/clock.ts';
import { deleteUnnamedArtifact, listNamedBuilds, listUnnamedArtifacts } from '../store/artifacts.ts';
import { deleteAuditBefore } from '../store/audit.ts';
import { deleteEmptiedComponents } from '../store/components.ts';
import { deleteInstancesGoneBefore } from '../store/instances.ts';
import { forgetJobs, listForgettable } from '../store/jobs.ts';
import { deleteReleasesDroppedBefore, deleteRolloutsRetiredBefore } from '../store/history.ts';
import type { Store, Tx } from '../store/open.ts';
import { deleteTemporaryKeysExpiredBefore } from '../store/temporary-keys.ts';
import { deleteTokensExpiredBefore } from '../store/tokens.ts';
import { Loop, type ReconcileLog } from './loop.ts';

export interface CollectSettings {
  readonly store: Store;
  readonly artifacts: ArtifactStore;
  readonly builds: BuildStore;
  readonly clock: Clock;
  readonly now: () => number;
  /** How long ended jobs and deleted instances stay readable. */
  readonly keepHistoryMs: number;
  readonly log: ReconcileLog;
}

const EVERY_MS = 60_000;
/** What nothing names yet may be on its way into a release. */
const UNNAMED_MOST_MS = 60 * 60_000;
const BATCH = 200;
/** Who did what is asked for long after what was done. */
const KEEP_AUDIT_MS = 365 * 86_400_000;

/** Removes what nobody can ask for any more. What a kept release names stays. */
export class Collector {
  readonly #settings: CollectSettings;
  readonly #loop: Loop;

  constructor(settings: CollectSettings) {
    this.#settings = settings;
    const { clock, log } = settings;
    this.#loop = new Loop({ name: 'collecting', everyMs: EVERY_MS, clock, log, run: () => this.collect() });
  }

  start(): void {
    this.#loop.start();
  }

  stop(): Promise<void> {
    return this.#loop.stop();
  }

  async collect(): Promise<void> {
    const { store, now, keepHistoryMs } = this.#settings;
    const before = now() - keepHistoryMs;
    const jobs = await listForgettable(store.read, before, BATCH);
    const rows: readonly ((tx: Tx) => Promise<unknown>)[] = [
      (tx) => forgetJobs(tx, jobs),
      (tx) => deleteInstancesGoneBefore(tx, before, BATCH),
      (tx) => deleteEmptiedComponents(tx),
      (tx) => deleteRolloutsRetiredBefore(tx, before, BATCH),
      (tx) => deleteReleasesDroppedBefore(tx, before, BATCH),
      (tx) => deleteTokensExpiredBefore(tx, now()),
      (tx) => deleteTemporaryKeysExpiredBefore(tx, now()),
      (tx) => deleteAuditBefore(tx, now() - KEEP_AUDIT_MS, BATCH),
    ];
    const steps = [
      // A transaction each: what is long holds up nobody, and what fails only itself.
      ...rows.map((work) => () => store.write(work)),
      () => this.#collectArtifacts(),
      () => this.#collectBuilds(),
      () => store.keepReserve(),
    ];
    const faults: unknown[] = [];
    for (const step of steps) await step().catch((error: unknown) => faults.push(error));
    if (faults.length > 0) throw faults[0];
  }

  async #collectArtifacts(): Promise<void> {
    const { store, artifacts, now, log } = this.#settings;
    const unusedSince = now() - UNNAMED_MOST_MS;
    for (const { digest } of await listUnnamedArtifacts(store.read, unusedSince, BATCH)) {
      // The row goes first: whoever needs the bytes from now on fetches them again.
      if (!(await store.write((tx) => deleteUnnamedArtifact(tx, digest, unusedSince)))) continue;
      await artifacts.remove(digest);
      log.info({ digest }, 'an artifact that no release names was removed');
    }
  }

  async #collectBuilds(): Promise<void> {
    const { store, builds, now, log } = this.#settings;
    const built = await builds.list();
    if (built.length === 0) return;
    const named = await listNamedBuilds(store.read, built);
    for (const key of built.filter((each) => !named.has(each))) {
      if (await builds.removeUnused(key, now() - UNNAMED_MOST_MS))
        log.info({ build: key }, 'a build that no release names was removed');
    }
  }
}
