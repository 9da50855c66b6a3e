import { HOME_MARK, PROBE_MARK, REPLICA_MARK } from './environment.ts';
import { sweep } from './group.ts';
import type { Identity, ProcessSeen } from './identity.ts';
import { environmentOf, isAlive, seeProcesses } from './identity.ts';
import { Replica } from './replica.ts';
import { listReplicas, ReplicaFiles } from './replica-files.ts';
import type { Surroundings } from './surroundings.ts';

/** Processes that bear our mark, by replica; those that may be the application itself. */
type Marked = ReadonlyMap<string, readonly ProcessSeen[]>;

/** What an earlier supervisor left: living processes are taken over, dead ones started again, removals finished. */
export async function adoptAll(around: Surroundings): Promise<Map<string, Replica>> {
  const marked = findMarked(around.home);
  const replicas = new Map<string, Replica>();
  for (const { instance, rollout, ordinal } of listReplicas(around.replicasDir)) {
    const files = new ReplicaFiles(around.replicasDir, instance, rollout, ordinal);
    const placement = files.placement();
    if (placement) {
      const replica = new Replica(placement, files.record(), around);
      replicas.set(replica.name, replica);
      void replica.over.then(() => replicas.delete(replica.name));
    } else {
      // It was killed before it had written down what to start.
      files.remove();
    }
  }
  for (const name of marked.keys()) {
    if (!replicas.has(name)) await endStrays(name, around);
  }
  for (const replica of [...replicas.values()]) await adopt(replica, marked, around);
  return replicas;
}

async function adopt(replica: Replica, marked: Marked, around: Surroundings): Promise<void> {
  const { record, name } = replica;
  const identity = known(replica, around.boot) ?? unrecorded(replica, marked, around.boot);
  if (identity) {
    around.journal.tell('replica adopted', { replica: name, pid: identity.pid });
    return replica.adopt(identity);
  }
  await endStrays(name, around, replica);
  around.journal.tell('replica without a process', { replica: name, wanted: record.wanted });
  if (replica.isEnding) return replica.settle();
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

/** Started, but the supervisor was killed before it could write that down. */
function unrecorded({ record, name }: Replica, marked: Marked, boot: string): Identity | undefined {
  if (record.pid !== undefined || record.boot !== boot) return undefined;
  const leader = marked.get(name)?.find((each) => each.pid === each.session);
  return leader && { boot, pid: leader.pid, start: leader.start };
}

/** What is left of a replica whose leader is gone: known by cgroup or mark only, since its number may be another's now. */
async function endStrays(name: string, around: Surroundings, replica?: Replica): Promise<void> {
  const leader = { boot: around.boot, pid: NO_PID, start: '' };
  const group = { leader, marks: { home: around.home, replica: name }, place: replica?.record.cgroup };
  await sweep(group, around.cgroups, () => 0);
}

const NO_PID = -1;

function findMarked(home: string): Marked {
  const found = new Map<string, ProcessSeen[]>();
  for (const seen of seeProcesses()) {
    const env = environmentOf(seen.pid);
    if (!env.includes(`${HOME_MARK}=${home}`)) continue;
    if (env.some((variable) => variable.startsWith(`${PROBE_MARK}=`))) continue;
    const name = env
      .find((variable) => variable.startsWith(`${REPLICA_MARK}=`))
      ?.slice(REPLICA_MARK.length + 1);
    if (name !== undefined) found.set(name, [...(found.get(name) ?? []), seen]);
  }
  return found;
}
