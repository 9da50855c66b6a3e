import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BuildLog } from '../../src/builds/build-log.ts';
import { Tail } from '../../src/builds/tail.ts';

const SIGN = '\u{1F7E2}';

test('the end of an output is cut between characters, wherever the cut falls', () => {
  for (let bytes = 8; bytes < 16; bytes += 1) {
    const tail = new Tail(bytes);
    tail.add(Buffer.from(SIGN.repeat(5)));
    assert.equal(tail.text(), SIGN.repeat(Math.floor(bytes / 4)), `${bytes} bytes`);
  }
});

test('a character of a build’s output that came in two pieces is one character', () => {
  const bytes = Buffer.from(`${SIGN}é中\n`);
  for (let at = 1; at < bytes.length; at += 1) {
    const log = new BuildLog((line) => line);
    log.add(bytes.subarray(0, at));
    log.add(bytes.subarray(at));
    assert.equal(log.text(), `${SIGN}é中\n`, `cut at ${at}`);
  }
});
