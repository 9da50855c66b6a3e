import type { Unfenced } from '../../../domain/fences.ts';
import type { CgroupPlace, Cgroups } from './cgroup-place.ts';
import { signalAll } from './cgroup-place.ts';
import type { Marks } from './environment.ts';
import type { Identity } from './identity.ts';
import { seeProcess } from './identity.ts';
import type { MarkReader } from './owned.ts';
import { processesOf } from './owned.ts';

/** All processes of one replica: those in its cgroup, else those of its session, its process group or its mark. */
export interface Group {
  readonly leader: Identity;
  readonly marks: Marks;
  readonly place: CgroupPlace | undefined;
  /** Absent: our own. */
  readonly user: number | undefined;
}

/** What finding and ending processes takes. */
export interface Reach {
  readonly cgroups: Cgroups;
  readonly markReader: MarkReader;
  readonly unfenced: Unfenced;
}

/** Of more than so many nobody is looked at singly. */
const MOST_LOOKED_AT = 64;

export async function membersOf(group: Group, { cgroups, markReader, unfenced }: Reach): Promise<number[]> {
  if (group.place) {
    const members = cgroups.pids(group.place);
    // Old kernels list the dead, too.
    return members.length > MOST_LOOKED_AT ? members : members.filter((pid) => seeProcess(pid) !== undefined);
  }
  const { pid, start } = group.leader;
  const isByOwner = !unfenced.has('adoption-by-owner');
  const owner = group.user ?? process.getuid?.() ?? 0;
  const seen = await processesOf(isByOwner ? owner : 'anybody');
  // While a group has members the kernel gives its number to nobody else; a leader with another start is a stranger.
  const leader = seeProcess(pid);
  const isOurs = leader === undefined || leader.start === start;
  const isLed = (each: { readonly group: number; readonly session: number }): boolean =>
    isOurs && (each.group === pid || each.session === pid);
  const led = seen.filter(isLed);
  const marked = await markReader.having(
    seen.filter((each) => !isLed(each)),
    group.marks,
  );
  // The leader may be one of root's that becomes, or waits for, the application.
  const own = isOurs && leader && !led.some((each) => each.pid === pid) ? [leader] : [];
  return [...own, ...led, ...marked].map((each) => each.pid);
}

/** Asks all of it to end. */
export async function terminate(group: Group, reach: Reach): Promise<void> {
  const { pid, start } = group.leader;
  // In one step, so that nobody forks past it; only while the leader proves that the number is still ours.
  const isLed = seeProcess(pid)?.start === start;
  if (isLed) signalAll([-pid], 'SIGTERM');
  const members = await membersOf(group, reach);
  signalAll(
    members.filter((member) => !isLed || seeProcess(member)?.group !== pid),
    'SIGTERM',
  );
}

/** Ends all of it; where the kernel has no step for that, some may be left for another time. */
export async function kill(group: Group, reach: Reach): Promise<void> {
  const { pid, start } = group.leader;
  if (seeProcess(pid)?.start === start) signalAll([-pid], 'SIGKILL');
  if (group.place) reach.cgroups.kill(group.place);
  else signalAll(await membersOf(group, reach), 'SIGKILL');
}

const FIRST_LOOK_MS = 5;
const LAST_LOOK_MS = 100;

/** After the leader has ended: gives the others until the deadline, then kills, and returns when nobody is left. */
export async function sweep(group: Group, reach: Reach, deadline: () => number): Promise<void> {
  for (let wait = FIRST_LOOK_MS; await isAnyLeft(group, reach); wait = Math.min(wait * 2, LAST_LOOK_MS)) {
    const leftMs = deadline() - performance.now();
    if (leftMs <= 0) await kill(group, reach);
    await new Promise((resolve) => setTimeout(resolve, leftMs > 0 ? Math.min(wait, leftMs) : wait));
  }
}

const isAnyLeft = async (group: Group, reach: Reach): Promise<boolean> =>
  (await membersOf(group, reach)).length > 0;
