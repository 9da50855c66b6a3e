import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import fc from 'fast-check';
import { splitStartLine } from '../../src/runtimes/start-line.ts';

const RUNS = process.env['OPENSTAGE_TEST_ALL'] === '1' ? 5_000 : 200;
const seed = Number(process.env['SEED'] ?? Date.now() % 2 ** 31);

const lines: readonly (readonly [line: string, words: readonly string[]])[] = [
  ['node server.js', ['node', 'server.js']],
  ['  node\t server.js  ', ['node', 'server.js']],
  ['node --port $PORT', ['node', '--port', '{{port}}']],
  ['node --port=${PORT}', ['node', '--port={{port}}']],
  ['gunicorn --bind "127.0.0.1:$PORT" app:app', ['gunicorn', '--bind', '127.0.0.1:{{port}}', 'app:app']],
  ["perl -e 'print $PORT; exit 1'", ['perl', '-e', 'print $PORT; exit 1']],
  ['say "two words"\' and more\'', ['say', 'two words and more']],
  ['say ""', ['say', '']],
  ['say \\$PORT a\\ b', ['say', '$PORT', 'a b']],
  ['say "a \\"b\\" \\n"', ['say', 'a "b" \\n']],
  ['java -Dname=value -jar app.jar', ['java', '-Dname=value', '-jar', 'app.jar']],
];

for (const [line, words] of lines) {
  test(`${line} is split into ${JSON.stringify(words)}`, () => {
    assert.deepEqual(splitStartLine(line), { words });
  });
}

const shellLines: readonly (readonly [line: string, cause: string])[] = [
  ['node a.js | tee log', '|'],
  ['migrate && node a.js', '&'],
  ['a; b', ';'],
  ['node $(cat name)', '$(cat'],
  ['node `cat name`', '`'],
  ['node *.js', '*'],
  ['java $JAVA_OPTS -jar app.jar', '$JAVA_OPTS'],
  ['java "$JAVA_OPTS"', '$JAVA_OPTS"'],
  ['node --port ${PORT:-80}', '${PORT:-80}'],
  ['node $PORTAL', '$PORTAL'],
  ['NODE_ENV=test node a.js', 'NODE_ENV='],
  ['node a.js > log', '>'],
  ['node ~/a.js', '~'],
  ['node "a', '"'],
  ['node a.js\nnode b.js', '\n'],
  ['node a.js \\', '\\'],
];

for (const [line, cause] of shellLines) {
  test(`${JSON.stringify(line)} is for a shell, because of ${JSON.stringify(cause)}`, () => {
    assert.deepEqual(splitStartLine(line), { needsShell: cause });
  });
}

test(`words come out of quotes as they went in (SEED=${seed})`, () => {
  const word = fc.string({ maxLength: 12 }).map((each) => each.replaceAll("'", ''));
  fc.assert(
    fc.property(fc.array(word, { minLength: 1 }), (words) => {
      const line = ['run', ...words.map((each) => `'${each}'`)].join(' ');
      assert.deepEqual(splitStartLine(line), { words: ['run', ...words] });
    }),
    { seed, numRuns: RUNS },
  );
});

const hasBash = spawnSync('bash', ['-c', 'true']).status === 0;
if (!hasBash) console.log('# the comparison with bash is left out: this machine lacks bash');
else {
  test(`a line that needs no shell means the same to bash (SEED=${seed})`, () => {
    // No letter with which a line could do harm, should the splitter be wrong.
    const letter = fc.constantFrom('a', '=', '-', '/', ' ', '"', "'", '\\', '$PORT', '${PORT}', '.', ':');
    const line = fc.array(letter, { maxLength: 14 }).map((letters) => letters.join(''));
    fc.assert(
      fc.property(line, (each) => {
        const split = splitStartLine(each);
        if (!('words' in split) || split.words.length === 0) return;
        const { stdout } = spawnSync('bash', ['-c', `printf '%s\\0' ${each}`], {
          encoding: 'utf8',
          env: { PORT: '{{port}}' },
        });
        assert.deepEqual(stdout.split('\0').slice(0, -1), split.words);
      }),
      { seed, numRuns: RUNS },
    );
  });
}
