import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { oneOfEach } from './ids.ts';
import { openStage } from './stage.ts';

/** Where `.ci/schemathesis` puts it. */
const place =
  process.env['OPENSTAGE_TEST_SCHEMATHESIS'] ??
  join(homedir(), '.cache', 'openstage-test', 'schemathesis-4.32.5');
const program = join(place, 'bin', 'schemathesis');

/** Ends the sender's token or locks it out, or asks a git host that is not here. */
const LEFT_OUT = '^/v3/auth/tokens$|/password$|/git/auths/';
const MOST_S = 120;
const EXAMPLES_EACH = 15;

const checks = [
  'not_a_server_error',
  'status_code_conformance',
  'content_type_conformance',
  'response_schema_conformance',
  'ignored_auth',
];

async function tryAll(url: string, token: string, directory: string, ids: object): Promise<string> {
  const configuration = join(directory, 'schemathesis.toml');
  const parameters = Object.entries(ids).map(([name, id]) => `"path.${name}" = "${String(id)}"`);
  await writeFile(configuration, ['[parameters]', ...parameters, ''].join('\n'));
  const words = [
    ['--config-file', configuration, 'run', url],
    ['--header', `X-Auth-Token: ${token}`],
    ['--checks', checks.join()],
    ['--phases', 'examples,coverage,fuzzing'],
    ['--max-examples', String(EXAMPLES_EACH), '--max-time', String(MOST_S)],
    ['--exclude-path-regex', LEFT_OUT],
    ['--continue-on-failure', '--generation-database', 'none', '--warnings', 'off', '--no-color'],
    ['--seed', process.env['SEED'] ?? String(Math.floor(Math.random() * 2 ** 31))],
  ];
  const child = spawn(program, words.flat(), { cwd: directory, stdio: ['ignore', 'pipe', 'pipe'] });
  let told = '';
  child.stdout.on('data', (bytes: Buffer) => (told += bytes.toString()));
  child.stderr.on('data', (bytes: Buffer) => (told += bytes.toString()));
  const code = await new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', resolve);
  });
  assert.equal(code, 0, told.slice(-20_000));
  return told;
}

if (process.env['OPENSTAGE_TEST_ALL'] === '1') {
  test('thousands of requests made from the document: no 5xx, no answer that it does not tell of, none without a token', async (t) => {
    assert.ok(existsSync(program), `${program} is not there; run .ci/schemathesis.`);
    const stage = await openStage(t);
    const ids = await oneOfEach(stage);
    const { httpPort } = await stage.api.listen();
    const url = `http://127.0.0.1:${httpPort}/openapi.json`;
    const told = await tryAll(url, stage.token, stage.dataDir, ids);
    const [, generated] = /([\d,]+) generated/.exec(told) ?? [];
    t.diagnostic(`${generated} requests`);
    assert.ok(Number(generated?.replaceAll(',', '')) > 1_000, told.slice(-2_000));
  });
} else {
  console.log('Trying the API by its document is left out here; .ci/run installs schemathesis and runs it.');
}
