import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { has, isRoot } from './machine.ts';

const quoted = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`;

/**
 * Something to be started in place of Node, which sees a host that never had perl: a layer over /usr/bin without it, for
 * itself and what it starts. Absent: this machine cannot, and says so.
 */
export function nodeWithoutPerl(t: TestContext): string | undefined {
  if (!has(t, process.platform === 'linux' && isRoot(), 'perl is hidden by a mount, as root on Linux'))
    return undefined;
  const dir = mkdtempSync('/srv/openstage-no-perl-');
  chmodSync(dir, 0o755);
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const layer = join(dir, 'layer');
  const hide = [
    'set -e',
    `mkdir -p ${layer}`,
    `mount -t tmpfs tmpfs ${layer}`,
    `mkdir ${layer}/upper ${layer}/work`,
    // A device of the number 0 stands for a name that is not there.
    `for perl in /usr/bin/perl*; do mknod "${layer}/upper/\${perl##*/}" c 0 0; done`,
    `mount -t overlay -o lowerdir=/usr/bin,upperdir=${layer}/upper,workdir=${layer}/work overlay /usr/bin`,
    `umount -l ${layer}`,
    '[ ! -e /usr/bin/perl ]',
    '[ ! -e /bin/perl ]',
    'exec "$@"',
  ].join('\n');
  const words = ['unshare', '--mount', '--propagation', 'private', '--', 'sh', '-c', hide, 'sh'];
  let lack = '';
  try {
    execFileSync(words[0] ?? '', [...words.slice(1), 'true'], { stdio: 'pipe' });
  } catch (error) {
    lack = error instanceof Error ? error.message : String(error);
  }
  if (!has(t, lack === '', `perl cannot be hidden: ${lack}`)) return undefined;
  const node = join(dir, 'node');
  const line = [...words, process.execPath].map(quoted).join(' ');
  writeFileSync(node, `#!/bin/sh\nexec ${line} "$@"\n`, { mode: 0o755 });
  return node;
}
