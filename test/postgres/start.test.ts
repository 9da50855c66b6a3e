import assert from 'node:assert/strict';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { removeData } from '../../src/cli/tour/remove-data.ts';
import { running } from '../crash/processes.ts';
import { freePorts, openstage } from './commands.ts';
import { crowd, openServer, type DatabaseServer } from './server.ts';

/** What is wrong with the server, how it is put right, and what the platform is to say of it. */
const faults: readonly {
  readonly what: string;
  readonly begin: (server: DatabaseServer) => Promise<() => Promise<unknown>>;
  readonly database?: string;
  readonly said: RegExp;
}[] = [
  {
    what: 'is not there',
    begin: async ({ cluster }) => {
      await cluster.halt('fast');
      return () => cluster.resume();
    },
    said: /ENOENT|ECONNREFUSED/,
  },
  {
    what: 'wants another password',
    begin: async (server) => {
      await server.admit('local all all scram-sha-256');
      return () => server.admit('local all all trust');
    },
    said: /password authentication failed for user "openstage"/,
  },
  {
    what: 'does not have the database',
    begin: async () => async () => {},
    database: 'nowhere',
    said: /database "nowhere" does not exist/,
  },
  { what: 'has no connection left', begin: crowd, said: /remaining connection slots|too many clients/ },
  {
    what: 'stands still',
    begin: async (server) => {
      const goOn = server.freeze();
      return async () => goOn();
    },
    said: /timeout/,
  },
];

test('a platform whose database cannot be used says why, without its password, and ends', async (t) => {
  const server = await openServer({ settings: ['max_connections=20'] });
  if (!server) return;
  t.after(() => server.cluster.stop());
  const url = await server.own('openstage', 'right');
  const dataDir = mkdtempSync(join(tmpdir(), 'openstage-start-'));
  t.after(() => removeData(dataDir));
  for (const { what, begin, database = 'openstage', said } of faults) {
    const end = await begin(server);
    const address = `${url.replace('/openstage?', `/${database}?`)}&password=not-this-one`;
    const words = ['serve', '--data-dir', dataDir, '--database-url', address, ...freePorts];
    const { code, err } = await refusal(words, end);
    assert.equal(code, 1, what);
    assert.match(
      err,
      /^openstage: The database that --database-url \(OPENSTAGE_DATABASE_URL\) names cannot be used: .*start again\.$/,
    );
    assert.match(err, said);
    assert.ok(!err.includes('not-this-one'), err);
    assert.deepEqual(
      running().filter(({ command }) => command.includes(dataDir)),
      [],
      `nothing runs of a platform whose database ${what}`,
    );
  }
});

/** What the platform says, whose fault is over once it has ended. */
async function refusal(words: readonly string[], end: () => Promise<unknown>) {
  try {
    return await openstage(words);
  } finally {
    await end();
  }
}
