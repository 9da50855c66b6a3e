import type { CgroupPlace } from './cgroup-place.ts';
import { removeCgroup } from './end.ts';
import { sweep } from './group.ts';
import type { Identity } from './identity.ts';
import { isAlive } from './identity.ts';
import { Namespace } from './namespace.ts';
import { processesOf } from './owned.ts';
import { reasonOf } from './reason.ts';
import { Replica } from './replica.ts';
import { listReplicas, ReplicaFiles } from './replica-files.ts';
import type { Surroundings } from './surroundings.ts';

/** Ending what nobody knows takes an instant; should it not, calls are answered meanwhile. */
const STRAYS_MOST_MS = 2_000;

/**
 * What an earlier supervisor left: living processes are taken over, dead ones started again, removals finished. Only
 * what a replica's own files name is taken over, whatever a process says of itself.
 */
export async function adoptAll(around: Surroundings): Promise<Map<string, Replica>> {
  const replicas = new Map<string, Replica>();
  const places = around.cgroups.existing();
  for (const { instance, rollout, ordinal } of listReplicas(around.replicasDir)) {
    const files = new ReplicaFiles(around.replicasDir, instance, rollout, ordinal);
    const placement = files.placement();
    if (typeof placement === 'object') {
      const replica = new Replica(placement, files.record(), around);
      replicas.set(replica.name, replica);
      void replica.over.then(() => replicas.delete(replica.name));
    } else if (placement === undefined && !files.hasHome()) {
      // Its supervisor was killed before it had written down what to start.
      files.remove(around.trash);
    } else {
      setFilesAside(files, placement ?? 'what was to be started is missing', around);
    }
  }
  const known = new Set([...replicas.values()].map(({ files }) => files.name));
  const strays = [...places].filter(([name]) => !known.has(name)).map(([, place]) => endPlace(place, around));
  const late = new Promise((resolve) => setTimeout(resolve, STRAYS_MOST_MS).unref());
  const ends = [...strays, endMarked(replicas, around), endUnnamedHolders(replicas, around)];
  await Promise.race([Promise.all(ends), late]);
  for (const replica of replicas.values()) adoptOrSetAside(replica, places.get(replica.files.name), around);
  return replicas;
}

/** Nothing of it is started or lost; the platform may ask for it anew. */
function setFilesAside(files: ReplicaFiles, reason: string, around: Surroundings): void {
  const holder = files.record()?.holder;
  if (holder) Namespace.of(holder)?.end();
  try {
    const place = files.setAside();
    around.journal.tell('replica set aside', { replica: files.name, reason, place });
  } catch (error) {
    around.journal.tell('replica not set aside', { replica: files.name, reason: reasonOf(error) });
  }
}

/** One whose files make no sense is told and left; the others have their supervisor. */
function adoptOrSetAside(replica: Replica, place: CgroupPlace | undefined, around: Surroundings): void {
  const setAside = (error: unknown) =>
    around.journal.tell('replica set aside', { replica: replica.name, reason: reasonOf(error) });
  try {
    void adopt(replica, place, around).catch(setAside);
  } catch (error) {
    setAside(error);
  }
}

async function adopt(replica: Replica, place: CgroupPlace | undefined, around: Surroundings): Promise<void> {
  const { record, name } = replica;
  const identity = known(replica, around.boot);
  if (identity) {
    around.journal.tell('replica adopted', { replica: name, pid: identity.pid });
    return replica.adopt(identity);
  }
  // Started, but not yet written down, it counts as not started: nobody can tell which of its processes was the first.
  await endStrays(replica, place, around);
  around.journal.tell('replica without a process', { replica: name, wanted: record.wanted });
  if (replica.isEnding) return replica.settle();
  if (around.startsNothing) return replica.stayAtRest();
  const isFresh = record.pid === undefined && record.lastExit === undefined;
  if (isFresh) return around.watchOver(replica.start());
  const isRested = record.pid === undefined && record.backoffMs === undefined;
  if (record.boot !== around.boot || isRested) return around.watchOver(replica.revive());
  if (record.pid !== undefined) return replica.lost();
  replica.settle();
}

function known({ record }: Replica, boot: string): Identity | undefined {
  if (record.pid === undefined || record.start === undefined) return undefined;
  const identity = { boot: record.boot, pid: record.pid, start: record.start };
  return isAlive(identity, boot) ? identity : undefined;
}

/** What is left of a replica whose leader is gone: known by cgroup, or by owner and mark, since its number may be another's now. */
async function endStrays(
  replica: Replica,
  found: CgroupPlace | undefined,
  around: Surroundings,
): Promise<void> {
  const { marks, placement, record } = replica;
  const place = record.cgroup ?? found;
  await sweep(
    { leader: nobody(around), marks, place, user: placement.rollout.placement.user },
    around,
    () => 0,
  );
}

async function endPlace(place: CgroupPlace, around: Surroundings): Promise<void> {
  const marks = { home: around.home, replica: '' };
  await sweep({ leader: nobody(around), marks, place, user: undefined }, around, () => 0);
  await removeCgroup(place, around);
}

/** Without cgroups nobody lists what is left of replicas that are gone, but the processes of our own user can be asked. */
async function endMarked(replicas: ReadonlyMap<string, Replica>, around: Surroundings): Promise<void> {
  const { home, markReader, unfenced, cgroups } = around;
  const isByOwner = !unfenced.has('adoption-by-owner');
  if (isByOwner && cgroups.controllers.length > 0) return;
  const names = new Set<string>();
  for (const seen of await processesOf(isByOwner ? (process.getuid?.() ?? 0) : 'anybody')) {
    const marks = await markReader.marksOf(seen);
    if (marks?.home === home && !replicas.has(marks.replica)) names.add(marks.replica);
  }
  for (const replica of names)
    await sweep(
      { leader: nobody(around), marks: { home, replica }, place: undefined, user: undefined },
      around,
      () => 0,
    );
}

/** A record that was lost does not tell who holds the namespaces; the replica is started in new ones. */
async function endUnnamedHolders(
  replicas: ReadonlyMap<string, Replica>,
  around: Surroundings,
): Promise<void> {
  const named = [...replicas.values()].flatMap(({ record }) => record.holder?.pid ?? []);
  for (const pid of await Namespace.endUnnamed(around.replicasDir, new Set(named)))
    around.journal.tell('holder of lost namespaces ended', { pid });
}

/** A leader whose number nobody has. */
const nobody = ({ boot }: Surroundings): Identity => ({ boot, pid: -1, start: '' });
