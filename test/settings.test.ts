import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { settingsTable } from '../scripts/settings-table.ts';
import { readSettings, SettingError } from '../src/settings.ts';

const none = new Map();

test('the documentation lists every setting as the code knows it', () => {
  assert.equal(readFileSync('docs/settings.md', 'utf8'), settingsTable());
});

test('a flag wins over a variable, a variable over the file, the file over the default', () => {
  const file = join(mkdtempSync(join(tmpdir(), 'openstage-settings-')), 'openstage.yaml');
  writeFileSync(file, 'http_port: 1001\nhttps-port: 1002\ningress_port: 1003\nresources:\n  cce: process\n');
  const env = { OPENSTAGE_CONFIG: file, OPENSTAGE_HTTP_PORT: '2001', OPENSTAGE_HTTPS_PORT: '2002' };
  const settings = readSettings(new Map([['httpPort', '3001']]), env);
  assert.deepEqual(
    [settings.httpPort, settings.httpsPort, settings.ingressPort, settings.keepReleases],
    [3001, 2002, 1003, 20],
  );
  assert.deepEqual(settings.resources, { cce: 'process' });
});

for (const [name, env, message] of [
  [
    'a port beyond the last',
    { OPENSTAGE_HTTP_PORT: '70000' },
    /OPENSTAGE_HTTP_PORT is "70000"; expected a whole number from 0 to 65535/,
  ],
  [
    'a duration without a unit',
    { OPENSTAGE_JOB_DEADLINE: '8' },
    /OPENSTAGE_JOB_DEADLINE is "8"; expected a duration/,
  ],
  ['a range turned round', { OPENSTAGE_APP_PORTS: '30000-20000' }, /expected two ports/],
  [
    'a variable for builds that cannot be one',
    { OPENSTAGE_BUILD_ENV: 'HTTPS_PROXY;PIP_CERT' },
    /expected names of variables, by comma/,
  ],
  ['a file that is not there', { OPENSTAGE_CONFIG: '/nowhere.yaml' }, /does not exist; create it/],
] as const) {
  test(`${name} is refused with what was expected`, () => {
    assert.throws(
      () => readSettings(none, env),
      (error) => error instanceof SettingError && message.test(error.message),
    );
  });
}

test('mirrors, proxies and certificates reach builds by themselves, anything else by its name only', () => {
  const env = {
    HTTPS_PROXY: 'http://proxy:3128',
    PIP_INDEX_URL: 'http://mirror',
    GOPROXY: 'http://go',
    SECRET: 'x',
  };
  assert.deepEqual(readSettings(none, env).buildVariables, {
    HTTPS_PROXY: 'http://proxy:3128',
    PIP_INDEX_URL: 'http://mirror',
  });
  const named = { ...env, OPENSTAGE_BUILD_ENV: 'GOPROXY, PIP_CERT' };
  assert.deepEqual(readSettings(none, named).buildVariables, { GOPROXY: 'http://go' });
  assert.deepEqual(readSettings(none, { ...env, OPENSTAGE_BUILD_ENV: '' }).buildVariables, {});
});

test('a name in the file that is no setting is refused by name', () => {
  const file = join(mkdtempSync(join(tmpdir(), 'openstage-settings-')), 'openstage.yaml');
  writeFileSync(file, 'htpp_port: 1\n');
  assert.throws(() => readSettings(none, { OPENSTAGE_CONFIG: file }), /there is no setting "htpp_port"/);
});

test('the file says how a resource is reached, its password also in a file of its own', () => {
  const dir = mkdtempSync(join(tmpdir(), 'openstage-settings-'));
  const file = join(dir, 'openstage.yaml');
  writeFileSync(join(dir, 'secret'), 'p w\n');
  const orders = `{ host: db, port: 5432, password_file: ${join(dir, 'secret')}, projects: [a, b], env: { N: 1 } }`;
  const read = (resources: string) => {
    writeFileSync(file, `region: north\nresources:\n${resources}\n`);
    return readSettings(none, { OPENSTAGE_CONFIG: file });
  };
  const settings = read(`  cce: process\n  RDS/orders: ${orders}\n  dcs/redis: { host: r }`);
  assert.deepEqual(settings.resources, { cce: 'process' });
  assert.deepEqual(settings.connections, [
    {
      type: 'rds',
      id: 'orders',
      projects: ['a', 'b'],
      facts: { HOST: 'db', PORT: '5432', PASSWORD: 'p w' },
      env: { N: '1' },
    },
    { type: 'dcs', id: 'redis', projects: ['north'], facts: { HOST: 'r' }, env: {} },
  ]);
  for (const [resources, says] of [
    ['  rds: { host: db }', /resources\.rds says how one resource is reached; name it by type\/id/],
    ['  rds/a: { hots: db }', /resources\.rds\/a has the member "hots"; expected some of host/],
    ['  rds/a: { password_file: /nowhere }', /password_file is \/nowhere, which does not exist/],
    ['  rds/a: { projects: a }', /must be a list/],
    ['  rds/a: docker', /names the driver "docker"; there is "process"/],
  ] as const)
    assert.throws(() => read(resources), says);
});
