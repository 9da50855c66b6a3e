import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { quoted } from '../../src/cli/quoted.ts';

test('a shell reads back what was quoted for it as one word', () => {
  for (const word of ['/srv/my data/o s', `it's "$HOME" \`id\` \\`, 'a\nb', '*'])
    assert.equal(
      execFileSync('sh', ['-c', `printf '%s|' ${quoted(word)}`], { encoding: 'utf8' }),
      `${word}|`,
    );
});
