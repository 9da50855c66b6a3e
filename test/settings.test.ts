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
