import {
  chmodSync,
  chownSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';

const fixture = fileURLToPath(new URL('../fixtures/upgrade', import.meta.url));
const isRoot = process.getuid?.() === 0;

/** The instances of the fixture, as a path below a component. */
export const BEFORE = {
  running: 'components/8ed670f4-76f4-4ee8-b545-942fa66bb26b/instances/aa46aed7-8bdd-4964-869b-5a0892be4027',
  stopped: 'components/6bef67e4-a4e3-4274-bb69-af8729723a1c/instances/d096448c-dcba-408f-bb85-a7fc2def631e',
  upgraded: 'components/9a44da7b-eb10-4755-9314-c2ae80780330/instances/9e83abc6-dd28-4eb3-b980-da3f5c9ac824',
} as const;

/** A data directory of the version before, where no process runs; to be removed by whoever asked for it. */
export function dataBefore(): string {
  const dataDir = mkdtempSync(join(tmpdir(), 'openstage-before-'));
  chmodSync(dataDir, 0o711);
  for (const name of ['key', 'host-id', 'admin-password', 'builds', 'replicas'])
    cpSync(join(fixture, name), join(dataDir, name), { recursive: true });
  chmodSync(join(dataDir, 'builds'), 0o711);
  mkdirSync(join(dataDir, 'logs'));
  const filled = (text: string): string =>
    text.replaceAll('{{dataDir}}', dataDir).replaceAll('{{nodeVersion}}', `v${process.versions.node}`);
  for (const file of readdirSync(join(dataDir, 'replicas'), { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('replica.json')) continue;
    const dir = dirname(join(dataDir, 'replicas', file));
    const text = filled(readFileSync(join(dir, 'replica.json'), 'utf8'));
    writeFileSync(join(dir, 'replica.json'), isRoot ? text : text.replace(/"user": \d+,/, ''));
    makeOwn(dir, Number(/"user": (\d+),/.exec(text)?.[1]));
  }
  const database = new DatabaseSync(join(dataDir, 'openstage.db'), { enableForeignKeyConstraints: false });
  database.exec(filled(readFileSync(join(fixture, 'database.sql'), 'utf8')));
  // Whoever is not root gave no application a user of its own.
  if (!isRoot) database.exec('update instances set uid = null');
  database.close();
  return dataDir;
}

function makeOwn(dir: string, user: number): void {
  for (const each of [dirname(dir), dir]) chmodSync(each, 0o711);
  for (const name of ['own', 'own/home', 'own/tmp']) {
    mkdirSync(join(dir, name), { mode: 0o700 });
    if (isRoot) chownSync(join(dir, name), user, user);
  }
}
