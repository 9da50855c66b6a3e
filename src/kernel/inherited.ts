import { closeSync, readdirSync, readFileSync } from 'node:fs';

const FIRST = 3;
const CLOSE_ON_EXEC = 0o2000000;

/**
 * Closes what whoever started this process left open: every program that it starts would have it, too, down to the
 * applications of tenants. What Node opens by itself is closed by the kernel then, and stays.
 */
export function closeInherited(): void {
  // The channel to a parent that forked us is inherited on purpose.
  if (process.platform !== 'linux' || process.connected) return;
  for (const number of readdirSync('/proc/self/fd').map(Number)) {
    if (number < FIRST) continue;
    try {
      const flags = /^flags:\s+([0-7]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${number}`, 'utf8'))?.[1];
      if (flags !== undefined && (parseInt(flags, 8) & CLOSE_ON_EXEC) === 0) closeSync(number);
    } catch {
      // It was the listing itself.
    }
  }
}
