import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { delimiter, join } from 'node:path';

export const sleep = (durationMs: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, durationMs));

/** How busy others keep the machine, looked at for half a second while the bench itself is idle. */
export async function loadOfOthers(): Promise<string> {
  const before = busyMs();
  const begun = performance.now();
  await sleep(500);
  const cores = (busyMs() - before) / (performance.now() - begun);
  return `${cores.toFixed(1)} of ${cpus().length} cores, average ${(loadavg()[0] ?? 0).toFixed(1)}`;
}

const busyMs = (): number =>
  cpus().reduce((sum, { times }) => sum + times.user + times.sys + times.nice + times.irq, 0);

/** The running processes whose command line holds these texts, such as a data directory. Linux only. */
export function processesNaming(...texts: readonly string[]): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => texts.every((text) => readOf(Number(pid), 'cmdline').includes(text)))
    .map(Number);
}

/** Memory of a process, with its part of what it shares, in MB. */
export function pssMb(pid: number): number {
  const kb = /^Pss:\s+(\d+) kB/m.exec(readOf(pid, 'smaps_rollup'))?.[1];
  return Number(kb ?? 0) / 1024;
}

/** Milliseconds of CPU that a process used since it began. */
export function cpuMs(pid: number): number {
  const stat = readOf(pid, 'stat');
  // The name in parentheses may hold blanks; the fields after it are numbers, in ticks of 10 ms.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) * 10;
}

function readOf(pid: number, name: string): string {
  try {
    return readFileSync(join('/proc', String(pid), name), 'utf8');
  } catch {
    return '';
  }
}

export function findCommand(name: string): string | undefined {
  const dirs = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'];
  return dirs.map((dir) => join(dir, name)).find((path) => existsSync(path));
}
