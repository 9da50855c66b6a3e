import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Another value means that the machine was started again since, and that no port of before means anything. */
export function bootId(): string {
  try {
    if (process.platform === 'linux') return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return execFileSync('/usr/sbin/sysctl', ['-n', 'kern.bootsessionuuid'], { encoding: 'utf8' }).trim();
  } catch {
    return 'unknown';
  }
}
