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
    'In the file, `resources` maps a resource type, or type/id, to a driver, such as `cce: process`. A type/id may also say how',
    'applications reach that resource; [configuration.md](configuration.md) tells which variables they get of it.',
    '',
    '`git` says, per type of git host (`github`, `gitlab`, `gitee`, `bitbucket`), where the host is if not at its official address, and as what this platform is registered there for authorizations by consent (OAuth):',
    '',
    '```yaml',
    'git:',
    '  gitlab:',
    '    host: https://git.example.org',
    '    client_id: …',
    '    client_secret: …',
    '    redirect_uri: https://console.example.org/git/consented',
    '```',
    '',
  ].join('\n');
}

if (import.meta.main) writeFileSync('docs/settings.md', settingsTable());
