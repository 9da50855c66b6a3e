import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';

/** Everything that is held by rule: types, lint, import boundaries, unused code, format. In seconds, all of it even when one part fails. */
const parts: readonly (readonly [name: string, ...argv: string[]])[] = [
  ['types', 'tsc', '--noEmit', '-p', '.'],
  ['lint', 'tools/node_modules/.bin/oxlint', '--type-aware', '--quiet', 'src', 'test', 'scripts', 'bench'],
  ['boundaries', 'depcruise', '--config', '.dependency-cruiser.cjs', '--output-type', 'err', 'src', 'bench'],
  ['unused', 'tools/node_modules/.bin/knip', '--no-progress'],
  ['format', 'prettier', '--check', '--log-level', 'warn', '.'],
];

// The linter's own dependencies are many, and for developers alone: they are installed at the first check.
if (!existsSync('tools/node_modules/.bin/oxlint'))
  spawnSync('npm', ['install', '--prefix', 'tools', '--no-audit', '--no-fund'], { stdio: 'inherit' });

const failed = parts.filter(([name, command = '', ...args]) => {
  const run = spawnSync(command.includes('/') ? command : `node_modules/.bin/${command}`, args, {
    encoding: 'utf8',
    env: { ...process.env, OXLINT_TSGOLINT_PATH: resolve('tools/node_modules/.bin/tsgolint') },
  });
  const isGood = run.status === 0;
  console.log(`${isGood ? 'ok  ' : 'FAIL'} ${name}`);
  if (!isGood) console.log(`${run.stdout}${run.stderr}`);
  return !isGood;
});
process.exitCode = failed.length === 0 ? 0 : 1;
