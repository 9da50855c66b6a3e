import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';

/** What names a process for good: a pid alone is used again. */
export interface Identity {
  readonly boot: string;
  readonly pid: number;
  /** As the kernel counts it; compared, never read. */
  readonly start: string;
}

export interface ProcessSeen {
  readonly pid: number;
  readonly group: number;
  readonly session: number;
  readonly start: string;
}

export const isLinux = process.platform === 'linux';

export function currentBoot(): string {
  if (isLinux) return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  return execFileSync('/usr/sbin/sysctl', ['-n', 'kern.boottime'], { encoding: 'utf8' }).trim();
}

/** Absent: no such process, or one that is dead and only waits to be reaped. */
export function seeProcess(pid: number): ProcessSeen | undefined {
  return isLinux ? fromProc(pid) : fromPs(['-p', String(pid)])[0];
}

export function seeProcesses(): ProcessSeen[] {
  if (!isLinux) return fromPs(['-ax']);
  const seen: ProcessSeen[] = [];
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    const found = Number.isInteger(pid) ? fromProc(pid) : undefined;
    if (found) seen.push(found);
  }
  return seen;
}

export function isAlive(identity: Identity, boot: string): boolean {
  return identity.boot === boot && seeProcess(identity.pid)?.start === identity.start;
}

/** The environment a process was started with; empty where it may not be read. */
export function environmentOf(pid: number): readonly string[] {
  try {
    if (isLinux) return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
    return execFileSync('/bin/ps', ['-Eww', '-o', 'command=', '-p', String(pid)], { encoding: 'utf8' }).split(
      ' ',
    );
  } catch {
    return [];
  }
}

function fromProc(pid: number): ProcessSeen | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return undefined;
  }
  // The name in parentheses may hold anything, parentheses too.
  const [state, , group, session, ...rest] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const start = rest[15];
  if (state === 'Z' || state === 'X' || start === undefined) return undefined;
  return { pid, group: Number(group), session: Number(session), start };
}

function fromPs(selection: readonly string[]): ProcessSeen[] {
  let table: string;
  try {
    table = execFileSync('/bin/ps', ['-o', 'pid=,pgid=,stat=,lstart=', ...selection], { encoding: 'utf8' });
  } catch {
    return [];
  }
  return table.split('\n').flatMap((line) => {
    const [pid, group, state, ...start] = line.trim().split(/\s+/);
    if (!pid || state?.startsWith('Z')) return [];
    return [{ pid: Number(pid), group: Number(group), session: Number(group), start: start.join(' ') }];
  });
}
