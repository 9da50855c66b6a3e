import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { Client } from 'pg';
import type { Tap } from '../../src/store/faults.ts';
import { openStore, type Store, type StoreLog } from '../../src/store/open.ts';
import { findServer, startCluster } from './postgres-cluster.ts';

/** An empty database of one test. */
export interface TestDatabase {
  /** Absent: SQLite in `dataDir`. */
  readonly url?: string;
  readonly dataDir: string;
  /** Opens it; closed with the test. May be called again, as another process would. */
  open(options?: { readonly tap?: Tap; readonly warn?: StoreLog['warn'] }): Promise<Store>;
}

/** Where a database is, and how it goes; SQLite's goes with its data directory. */
export interface Place {
  /** Absent: SQLite in the data directory. */
  readonly url?: string;
  drop(): Promise<void>;
}

export interface Kind {
  readonly name: 'SQLite' | 'PostgreSQL';
  /** For stages and whole platforms, which open it themselves. */
  place(options?: { readonly migrated?: boolean }): Promise<Place>;
  /** With the tables in place, as `migrated` says, or without any. */
  create(t: TestContext, options?: { readonly migrated?: boolean }): Promise<TestDatabase>;
}

export const silentLog = { warn: () => {} };

function testDatabase(t: TestContext, dataDir: string, url?: string): TestDatabase {
  return {
    dataDir,
    ...(url === undefined ? {} : { url }),
    async open({ tap, warn = silentLog.warn } = {}) {
      const store = await openStore({
        dataDir,
        log: { warn },
        ...(url === undefined ? {} : { url }),
        ...(tap ? { tap } : {}),
      });
      t.after(() => store.close());
      return store;
    },
  };
}

function temporaryDir(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'openstage-store-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

const sqlite: Kind = {
  name: 'SQLite',
  place: () => Promise.resolve({ drop: () => Promise.resolve() }),
  create: (t) => Promise.resolve(testDatabase(t, temporaryDir(t))),
};

/** Puts a database's name into the address of a server. */
const withDatabase = (server: string) => (database: string) => {
  const url = new URL(server);
  url.pathname = `/${database}`;
  return url.href;
};

async function execute(url: string, statement: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

function postgres(server: () => Promise<(database: string) => string>): Kind {
  const newName = () => `openstage_test_${randomBytes(8).toString('hex')}`;
  // The tables are made once; each test gets a copy.
  let template: Promise<string> | undefined;
  const makeTemplate = async (url: (database: string) => string) => {
    const name = newName();
    await execute(url('postgres'), `create database ${name}`);
    const store = await openStore({ url: url(name), dataDir: tmpdir(), log: silentLog });
    await store.close();
    return name;
  };
  const place = async ({ migrated = true }: { readonly migrated?: boolean } = {}) => {
    const url = await server();
    const name = newName();
    const source = migrated ? await (template ??= makeTemplate(url)) : 'template1';
    await execute(url('postgres'), `create database ${name} template ${source}`);
    return {
      url: url(name),
      drop: () => execute(url('postgres'), `drop database if exists ${name} with (force)`),
    };
  };
  return {
    name: 'PostgreSQL',
    place,
    async create(t, options) {
      const { url, drop } = await place(options);
      t.after(drop);
      return testDatabase(t, temporaryDir(t), url);
    },
  };
}

/** Of a server with something special; its superuser's address, with any database. */
export const databasesOn = (url: string): Kind => postgres(() => Promise.resolve(withDatabase(url)));

let cluster: Promise<(database: string) => string> | undefined;

function findPostgres(): Kind | undefined {
  const given = process.env['OPENSTAGE_TEST_POSTGRES_URL'];
  if (given) return databasesOn(given);
  const bin = findServer();
  return bin === undefined
    ? undefined
    : postgres(() => (cluster ??= startCluster(bin).then(({ url }) => url)));
}

let chosen: Kind | undefined;

/** The one that suites with a whole platform run on: SQLite, or what OPENSTAGE_TEST_DATABASE names. */
export function chosenDatabase(): Kind {
  return (chosen ??= choose(process.env['OPENSTAGE_TEST_DATABASE'] ?? 'sqlite'));
}

function choose(word: string): Kind {
  if (word === 'sqlite') return sqlite;
  if (word !== 'postgres')
    throw new Error(`OPENSTAGE_TEST_DATABASE is "${word}"; expected sqlite or postgres.`);
  const found = findPostgres();
  if (!found) throw new Error('PostgreSQL is missing here; install it (Debian: apt-get install postgresql).');
  return found;
}

/** Every database that this machine has; a suite loops over them. Those that are missing are named by a test. */
export function databases(): readonly Kind[] {
  const found = findPostgres();
  if (found) return [sqlite, found];
  test('PostgreSQL is missing here (Debian: apt-get install postgresql), so its tests are left out', () => {
    if (process.env['OPENSTAGE_TEST_ALL'] === '1')
      throw new Error('Nothing may be left out: install PostgreSQL.');
  });
  return [sqlite];
}
