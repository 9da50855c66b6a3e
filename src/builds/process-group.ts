import { readdir, readFile } from 'node:fs/promises';

const PAGE_BYTES = 4096;

/** Ends everything in a process group at once; a group that is gone is as good. */
export function killGroup(leader: number): void {
  kill(-leader);
}

export interface GroupUse {
  readonly processes: number;
  readonly bytes: number;
}

interface Seen {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
  readonly pages: number;
}

/** What the processes of a group and their descendants use now; undefined where the system does not tell. */
export async function groupUse(leader: number): Promise<GroupUse | undefined> {
  const all = await everyProcess();
  if (all.length === 0) return undefined;
  const members = familyOf(all, leader);
  return {
    processes: members.length,
    bytes: members.reduce((pages, seen) => pages + seen.pages, 0) * PAGE_BYTES,
  };
}

/** Ends a group and all descendants of its leader, in whatever group they are now. */
export async function killFamily(leader: number): Promise<void> {
  for (const { pid } of familyOf(await everyProcess(), leader)) kill(pid);
  killGroup(leader);
}

function familyOf(all: readonly Seen[], leader: number): readonly Seen[] {
  const children = new Map<number, Seen[]>();
  for (const seen of all) children.set(seen.parent, [...(children.get(seen.parent) ?? []), seen]);
  const members = new Map<number, Seen>();
  const add = (seen: Seen) => {
    if (members.has(seen.pid)) return;
    members.set(seen.pid, seen);
    for (const child of children.get(seen.pid) ?? []) add(child);
  };
  for (const seen of all) if (seen.group === leader || seen.pid === leader) add(seen);
  return [...members.values()];
}

async function everyProcess(): Promise<readonly Seen[]> {
  const all: Seen[] = [];
  for (const pid of await runningPids()) {
    // After the name, which may hold anything: state, parent, group ... and the resident pages as 22nd.
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
    if (stat === '') continue;
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    all.push({
      pid,
      parent: Number(fields[1]),
      group: Number(fields[2]),
      pages: Number(fields[21] ?? 0),
    });
  }
  return all;
}

/** In the environment of everything that a build step starts. */
export const MARK = 'OPENSTAGE_BUILD_STEP';
const ROUNDS = 10;

/**
 * Ends processes that left their group but kept the mark in their environment: daemons that a build tool started, or
 * steps that a killed platform left behind. Again until none is found, since one may fork while the others are read.
 */
export async function killMarked(isMeant: (mark: string) => boolean): Promise<void> {
  for (let round = 0; round < ROUNDS; round++) {
    const found: number[] = [];
    for (const pid of await runningPids()) {
      if (pid === process.pid) continue;
      const environment = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '');
      const mark = environment.split('\0').find((variable) => variable.startsWith(`${MARK}=`));
      if (mark !== undefined && isMeant(mark.slice(MARK.length + 1))) found.push(pid);
    }
    if (found.length === 0) return;
    for (const pid of found) kill(pid);
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended by itself, or is another user's.
  }
}

async function runningPids(): Promise<readonly number[]> {
  const names = await readdir('/proc').catch(() => []);
  return names.filter((name) => /^\d+$/.test(name)).map(Number);
}
