import { randomBytes, randomInt, randomUUID } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { generate } from 'selfsigned';
import { formatKeyPair, newKeyPair, parseKeyPair, type KeyPair } from './domain/access-key.ts';
import { formatKey, parseKey, type Key } from './domain/envelope.ts';
import { hostId, type HostId } from './domain/ids.ts';
import { takeLock, type Lock } from './kernel/lock.ts';
import { DATABASE_FILE } from './store/open.ts';

/** Others may pass through, so that applications reach their own directories, but not look around. */
const PASSABLE = 0o711;
const PRIVATE = 0o700;
const SECRET = 0o600;

/** What the platform keeps beside its database, each made at first need and never changed after. */
export interface DataDirectory {
  readonly path: string;
  readonly keyFile: string;
  readonly key: Key;
  readonly host: { readonly id: HostId; readonly name: string };
  /** The administrator's first password, made when it is first asked for. */
  adminPassword(): string;
  readonly adminPasswordFile: string;
  /** The administrator's first access key, made when it is first asked for. */
  adminKey(): KeyPair;
  readonly tls: { readonly key: string; readonly cert: string };
  /** Tells other commands where this platform listens. */
  writeAddresses(addresses: Addresses): void;
  release(): void;
}

export interface Addresses {
  readonly pid: number;
  readonly httpUrl: string;
  readonly httpsHost: string;
  readonly ingressUrl: string;
  readonly region: string;
}

export const addressesFile = (dataDir: string): string => join(dataDir, 'run', 'platform.json');
export const lockFile = (dataDir: string): string => join(dataDir, 'run', 'platform.lock');
export const passwordFile = (dataDir: string): string => join(dataDir, 'admin-password');
export const accessKeyFile = (dataDir: string): string => join(dataDir, 'admin-access-key');

/** Opens or makes the directory, for this process alone: a second platform on it is refused. */
export async function openDataDirectory(path: string, keyFile = join(path, 'key')): Promise<DataDirectory> {
  try {
    mkdirSync(path, { recursive: true, mode: PASSABLE });
    chmodSync(path, PASSABLE);
    for (const name of ['run', 'logs', 'tls'])
      mkdirSync(join(path, name), { recursive: true, mode: PRIVATE });
    mkdirSync(join(path, 'tmp'), { recursive: true, mode: PASSABLE });
  } catch (error) {
    throw notWritable(path, error);
  }
  const lock = lockFor(path);
  try {
    return await openLocked(path, keyFile, () => lock.release());
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** In place of the system's words, which name a directory below it, and on a read-only disk even the wrong fault. */
export const notWritable = (path: string, error: unknown): Error =>
  new Error(
    `The data directory ${path} cannot be written (${error instanceof Error ? error.message : String(error)}). ` +
      'Check that its disk is neither full nor read-only and that this user may write there, or name another with --data-dir.',
    { cause: error },
  );

async function openLocked(path: string, keyFile: string, release: () => void): Promise<DataDirectory> {
  const hostFile = join(path, 'host-id');
  refuseLostKey(path, keyFile, hostFile);
  const key = parseKey(secretFile(keyFile, () => formatKey({ id: randomUUID(), bytes: randomBytes(32) })));
  return {
    path,
    keyFile,
    key,
    host: { id: hostId(secretFile(hostFile, randomUUID)), name: hostname() },
    adminPassword: () => secretFile(passwordFile(path), () => randomBytes(18).toString('base64url')),
    adminPasswordFile: passwordFile(path),
    adminKey: () => parseKeyPair(secretFile(accessKeyFile(path), () => formatKeyPair(newKeyPair(randomInt)))),
    tls: await openTls(path),
    writeAddresses: (addresses) =>
      writeWhole(addressesFile(path), `${JSON.stringify(addresses, undefined, 2)}\n`),
    release,
  };
}

export const keyFileOf = (path: string): string => join(path, 'key');

/** This directory's host, where it has one already. */
export function findHostId(path: string): HostId | undefined {
  const file = join(path, 'host-id');
  return existsSync(file) ? hostId(readFileSync(file, 'utf8').trim()) : undefined;
}

/** The key that lies there; undefined where none does. */
export const findKey = (keyFile: string): Key | undefined =>
  existsSync(keyFile) ? parseKey(readFileSync(keyFile, 'utf8').trim()) : undefined;

/** From now on the directory is that host's. For while no platform runs on it. */
export function replaceHostId(path: string, id: HostId): void {
  mkdirSync(join(path, 'run'), { recursive: true, mode: PRIVATE });
  const lock = lockFor(path);
  try {
    writeWhole(join(path, 'host-id'), id);
  } finally {
    lock.release();
  }
}

/** The key is the first thing that a new directory gets: where there is anything else, a missing key was lost. */
function refuseLostKey(path: string, keyFile: string, hostFile: string): void {
  if (existsSync(keyFile)) return;
  const used = [join(path, DATABASE_FILE), hostFile].find((file) => existsSync(file));
  if (used === undefined) return;
  throw new Error(
    `The key file ${keyFile} is missing, but the data directory ${path} has been used before (${used} exists). ` +
      'Secrets in the database cannot be read without that key: restore the file from a backup, or name where it is with --key-file.',
  );
}

/**
 * Refuses to begin anew where something of before is left: applications that may still run would share their numeric
 * users with new ones. `database` says what is wrong with it.
 */
export function refuseLostDatabase(path: string, database: string): void {
  const left = ['replicas', 'builds', join('artifacts', 'sha256')]
    .map((name) => join(path, name))
    .find((dir) => existsSync(dir) && readdirSync(dir).some((name) => !name.startsWith('.')));
  if (left === undefined) return;
  throw new Error(
    `${database}, but the data directory ${path} has been used before (${left} is not empty), and its applications may still run. ` +
      `Put the database back from a backup, or name it with --database-url if it is elsewhere. If it is gone for good, stop what runs with "openstage down --data-dir ${path}", ` +
      'and start with a new data directory, or remove replicas, builds and artifacts from this one first.',
  );
}

export const databaseFileOf = (path: string): string => join(path, DATABASE_FILE);

function lockFor(path: string): Lock {
  const file = lockFile(path);
  let lock: Lock | undefined;
  try {
    lock = takeLock(file);
  } catch (error) {
    throw new Error(
      `The lock file ${file} cannot be used (${error instanceof Error ? error.message : String(error)}). ` +
        'Check that the disk is neither full nor read-only, that the file is a plain file and that this user may write it; it holds no data and may be deleted while no platform runs.',
      { cause: error },
    );
  }
  if (lock) return lock;
  throw new Error(
    `Another platform is running on the data directory ${path}; stop it, or name another with --data-dir.`,
  );
}

function secretFile(file: string, make: () => string): string {
  if (!existsSync(file)) writeWhole(file, make());
  return readFileSync(file, 'utf8').trim();
}

function writeWhole(file: string, content: string): void {
  const temporary = `${file}.new`;
  writeFileSync(temporary, content, { mode: SECRET, flush: true });
  renameSync(temporary, file);
}

const TLS_DAYS = 3650;

/** A certificate of its own, made at first start: clients are told to trust it or not to check. */
async function openTls(path: string): Promise<DataDirectory['tls']> {
  const keyFile = join(path, 'tls', 'key.pem');
  const certFile = join(path, 'tls', 'cert.pem');
  if (!existsSync(certFile) || !existsSync(keyFile)) {
    const made = await generate([{ name: 'commonName', value: 'localhost' }], {
      keySize: 2048,
      algorithm: 'sha256',
      notAfterDate: new Date(Date.now() + TLS_DAYS * 86_400_000),
      extensions: [
        {
          name: 'subjectAltName',
          altNames: [
            { type: 2, value: 'localhost' },
            { type: 2, value: hostname() },
            { type: 7, ip: '127.0.0.1' },
            { type: 7, ip: '::1' },
          ],
        },
      ],
    });
    writeWhole(keyFile, made.private);
    writeWhole(certFile, made.cert);
  }
  return { key: readFileSync(keyFile, 'utf8'), cert: readFileSync(certFile, 'utf8') };
}
