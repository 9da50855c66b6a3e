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

/** What the processes of a group use now; undefined where the system does not tell. */
export async function groupUse(leader: number): Promise<GroupUse | undefined> {
  let processes = 0;
  let pages = 0;
  const pids = await runningPids();
  if (pids.length === 0) return undefined;
  for (const pid of pids) {
    // After the name, which may hold anything: state, parent, group ... and the resident pages as 22nd.
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (Number(fields[2]) !== leader) continue;
    processes += 1;
    pages += Number(fields[21] ?? 0);
  }
  return { processes, bytes: pages * PAGE_BYTES };
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
