import type { CgroupPlace, Cgroups } from './cgroup-place.ts';
import type { Marks } from './environment.ts';
import { HOME_MARK, REPLICA_MARK } from './environment.ts';
import type { Identity } from './identity.ts';
import { environmentOf, seeProcess, seeProcesses } from './identity.ts';

/** All processes of one replica: those in its cgroup, else those of its session, its process group or its mark. */
export interface Group {
  readonly leader: Identity;
  readonly marks: Marks;
  readonly place: CgroupPlace | undefined;
}

export function membersOf(group: Group, cgroups: Cgroups): number[] {
  if (group.place) return cgroups.pids(group.place).filter((pid) => seeProcess(pid) !== undefined);
  const { pid, start } = group.leader;
  const seen = seeProcesses();
  // While a group has members the kernel gives its number to nobody else; a leader with another start is a stranger.
  const isOurs = !seen.some((each) => each.pid === pid && each.start !== start);
  return seen
    .filter(
      (each) => (isOurs && (each.group === pid || each.session === pid)) || isMarked(each.pid, group.marks),
    )
    .map((each) => each.pid);
}

export function isMarked(pid: number, marks: Marks): boolean {
  const env = environmentOf(pid);
  return env.includes(`${REPLICA_MARK}=${marks.replica}`) && env.includes(`${HOME_MARK}=${marks.home}`);
}

export function signalGroup(group: Group, cgroups: Cgroups, signal: 'SIGTERM' | 'SIGKILL'): void {
  const { pid, start } = group.leader;
  // In one step, so that nobody forks past it; only while the leader proves that the number is still ours.
  const isLed = seeProcess(pid)?.start === start;
  if (isLed) send(-pid, signal);
  for (const member of membersOf(group, cgroups)) {
    if (!isLed || seeProcess(member)?.group !== pid) send(member, signal);
  }
}

function send(target: number, signal: 'SIGTERM' | 'SIGKILL'): void {
  try {
    process.kill(target, signal);
  } catch {
    // It ended meanwhile.
  }
}

const FIRST_LOOK_MS = 5;
const LAST_LOOK_MS = 100;

/** After the leader has ended: gives the others until the deadline, then kills, and returns when nobody is left. */
export async function sweep(group: Group, cgroups: Cgroups, deadline: () => number): Promise<void> {
  for (
    let wait = FIRST_LOOK_MS;
    membersOf(group, cgroups).length > 0;
    wait = Math.min(wait * 2, LAST_LOOK_MS)
  ) {
    const leftMs = deadline() - performance.now();
    if (leftMs <= 0) signalGroup(group, cgroups, 'SIGKILL');
    await new Promise((resolve) => setTimeout(resolve, leftMs > 0 ? Math.min(wait, leftMs) : FIRST_LOOK_MS));
  }
}
