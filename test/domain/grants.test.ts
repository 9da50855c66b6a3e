import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  grantedRoot,
  readHostPaths,
  variablesOf,
  type Connection,
  type Grants,
} from '../../src/domain/grants.ts';

const grants = (changes: Partial<Grants>): Grants => ({
  hostPaths: [],
  connections: [],
  mayMount: true,
  dataDir: '/var/lib/openstage',
  ...changes,
});
const connection = (type: string, id: string, changes: Partial<Connection> = {}): Connection => ({
  type,
  id,
  projects: ['local'],
  facts: { HOST: `${id}.internal`, PORT: '1' },
  env: {},
  ...changes,
});

test('a host path is for the project of the region, for the one that it names, or for all', () => {
  const hostPaths = readHostPaths('/srv/mine/, team:/srv/team,*:/srv/all', 'local');
  const root = (project: string, path: string) => grantedRoot(grants({ hostPaths }), project, path);
  assert.equal(root('local', '/srv/mine/a'), '/srv/mine');
  assert.equal(root('team', '/srv/mine'), undefined);
  assert.equal(root('team', '/srv/team'), '/srv/team');
  assert.equal(root('local', '/srv/team/a'), undefined);
  assert.equal(root('anyone', '/srv/all/b'), '/srv/all');
  assert.equal(root('local', '/srv/mine-too'), undefined);
  for (const bad of ['srv', '/', '/srv/../etc', 'team:srv'])
    assert.throws(() => readHostPaths(bad, 'local'), /expected absolute directories/);
});

test('a resource gives what is declared, under its type and its id, the first of a type under the short names', () => {
  const connections = [
    connection('rds', 'orders-db', { facts: { HOST: 'a', USER: 'u', PASSWORD: 'p' }, env: { EXTRA: 'x' } }),
    connection('rds', 'second'),
    connection('cse', 'hidden', { projects: ['other'] }),
  ];
  const referred = [
    { id: 'orders-db', type: 'RDS' },
    { id: 'second', type: 'rds' },
    { id: 'hidden', type: 'cse' },
    { id: 'unknown', type: 'rds' },
    { id: 'lb', type: 'elb' },
  ];
  assert.deepEqual(Object.fromEntries(variablesOf(grants({ connections }), 'local', referred)), {
    RDS_HOST: 'a',
    RDS_USER: 'u',
    RDS_PASSWORD: 'p',
    RDS_ORDERS_DB_HOST: 'a',
    RDS_ORDERS_DB_USER: 'u',
    RDS_ORDERS_DB_PASSWORD: 'p',
    RDS_SECOND_HOST: 'second.internal',
    RDS_SECOND_PORT: '1',
    EXTRA: 'x',
  });
});

test('a dcs is also known by its alias, by both where none is given', () => {
  const connections = [connection('dcs', 'redis', { facts: { HOST: 'r' } })];
  const names = (alias?: string) => [
    ...variablesOf(grants({ connections }), 'local', [
      { id: 'redis', type: 'dcs', ...(alias !== undefined && { refer_alias: alias }) },
    ]).keys(),
  ];
  assert.deepEqual(names('distributed_cache'), ['DCS_HOST', 'DCS_REDIS_HOST', 'DISTRIBUTED_CACHE_HOST']);
  assert.deepEqual(names(), [
    'DCS_HOST',
    'DCS_REDIS_HOST',
    'DISTRIBUTED_SESSION_HOST',
    'DISTRIBUTED_CACHE_HOST',
  ]);
});
