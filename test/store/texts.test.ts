import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { storable } from '../../src/store/faults.ts';
import { findFact, setFact } from '../../src/store/facts.ts';
import { databases } from './databases.ts';
import { cases, seedOf } from './seeds.ts';

/** What a program may print: any code units, halves of pairs and NUL among them. */
const anyText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc
    .array(fc.constantFrom('\0', '\ud800', '\udfff', '😀', 'ä', '\u2028', 'x'), { maxLength: 12 })
    .map((parts) => parts.join('')),
);

for (const { name, create } of databases()) {
  test(`${name}: whatever text a program prints is stored, and read back as the same on every database`, async (t) => {
    const store = await (await create(t)).open();
    const seed = seedOf(t);
    await fc.assert(
      fc.asyncProperty(anyText, async (text) => {
        await store.write((tx) => setFact(tx, 'text', text));
        const read = await findFact(store.read, 'text');
        assert.equal(read, text.toWellFormed().replaceAll('\0', '\uFFFD'));
        assert.equal(read, storable(text));
      }),
      { seed, numRuns: cases },
    );
  });
}
