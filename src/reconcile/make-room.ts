import type { ArtifactStore } from '../artifacts/artifact-store.ts';
import type { BuildStore } from '../builds/build-store.ts';
import type { DiskBudget } from '../domain/disk-budget.ts';
import { deleteUnnamedArtifact, listNamedBuilds, listUnnamedArtifacts } from '../store/artifacts.ts';
import type { Store } from '../store/open.ts';

export interface RoomMaker {
  readonly store: Store;
  readonly artifacts: ArtifactStore;
  readonly builds: BuildStore;
  readonly budget: DiskBudget;
  readonly now: () => number;
  readonly log: { readonly info: (fields: object, message: string) => void };
}

/** Longer than any job may take: what was used since may be on its way into a release. */
const ON_ITS_WAY_MS = 15 * 60_000;
const BATCH = 200;

/**
 * Removes what no package and no kept or running release names, oldest use first, until so many bytes more fit. It is
 * the collector's work, done early because the budget is used up; what is named stays, however much it takes.
 */
export async function makeRoom({ store, artifacts, builds, budget, now, log }: RoomMaker, bytes: number) {
  const since = now() - ON_ITS_WAY_MS;
  const built = (await builds.measure()).filter(({ useTime }) => useTime < since);
  const named = await listNamedBuilds(
    store.read,
    built.map(({ key }) => key),
  );
  const candidates = [
    ...(await listUnnamedArtifacts(store.read, since, BATCH)).map(({ digest, useTime }) => ({
      useTime,
      remove: async () => {
        if (!(await store.write((tx) => deleteUnnamedArtifact(tx, digest, since)))) return false;
        await artifacts.remove(digest);
        return true;
      },
    })),
    ...built
      .filter(({ key }) => !named.has(key))
      .map(({ key, useTime }) => ({ useTime, remove: () => builds.removeUnused(key, since) })),
  ].toSorted((one, other) => one.useTime - other.useTime);
  let removed = 0;
  for (const { remove } of candidates) {
    if (budget.fits(bytes)) break;
    if (await remove()) removed += 1;
  }
  if (removed > 0)
    log.info({ removed, bytes: budget.bytes }, 'unused packages and builds were removed to make room');
}
