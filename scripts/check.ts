import { spawnSync } from 'node:child_process';

/** Everything that is held by rule: types, lint, import boundaries, unused code, format. In seconds, all of it even when one part fails. */
const parts: readonly (readonly [name: string, ...argv: string[]])[] = [
  ['types', 'tsc', '--noEmit', '-p', '.'],
  ['lint', 'oxlint', '--type-aware', '--quiet', 'src', 'test', 'scripts', 'bench'],
  ['boundaries', 'depcruise', '--config', '.dependency-cruiser.cjs', '--output-type', 'err', 'src'],
  ['unused', 'knip', '--no-progress'],
  ['format', 'prettier', '--check', '--log-level', 'warn', '.'],
];

const failed = parts.filter(([name, command = '', ...args]) => {
  const run = spawnSync(`node_modules/.bin/${command}`, args, { encoding: 'utf8' });
  const isGood = run.status === 0;
  console.log(`${isGood ? 'ok  ' : 'FAIL'} ${name}`);
  if (!isGood) console.log(`${run.stdout}${run.stderr}`);
  return !isGood;
});
process.exitCode = failed.length === 0 ? 0 : 1;
