import { writeFileSync } from 'node:fs';
import { flagOf, keyOf, names, rules } from '../src/settings.ts';

/** Writes docs/settings.md from the one schema of settings. */
export function settingsTable(): string {
  const rows = names.map((name) => {
    const { variable, fallback, about } = rules[name];
    return `| \`${flagOf(name)}\` | \`${variable}\` | \`${keyOf(name)}\` | ${fallback === '' ? '' : `\`${fallback}\``} | ${about} |`;
  });
  return [
    '# Settings',
    '',
    'A flag wins over a variable, a variable over the file that `--config` names.',
    '',
    '| flag | variable | in the file | default | |',
    '| --- | --- | --- | --- | --- |',
    ...rows,
    '',
    'In the file, `resources` maps a resource type, or type/id, to a driver, such as `cce: process`.',
    '',
  ].join('\n');
}

if (import.meta.main) writeFileSync('docs/settings.md', settingsTable());
