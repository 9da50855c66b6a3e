import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Turns } from '../../src/iam/turns.ts';

const refusal = () => new Error('full');

/** Works that end when they are told to, in the order in which they began. */
class Works {
  readonly begun: string[] = [];
  readonly #ends: (() => void)[] = [];

  start = (name: string) => () => {
    this.begun.push(name);
    return new Promise<void>((resolve) => this.#ends.push(resolve));
  };

  async endOne(): Promise<void> {
    this.#ends.shift()?.();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test('sources take turns: one that asks often waits for itself', async () => {
  const works = new Works();
  const turns = new Turns(1, { ofOne: 10, ofAll: 100 }, refusal);
  const all = ['a1', 'a2', 'a3', 'a4', 'b1', 'b2', 'c1'].map((name) =>
    turns.take(name.charAt(0), works.start(name)),
  );
  for (let n = 0; n < 7; n += 1) await works.endOne();
  await Promise.all(all);
  assert.deepEqual(works.begun, ['a1', 'a2', 'b1', 'c1', 'a3', 'b2', 'a4']);
});

test('a source has so many places; when all are taken, the one with the most gives one up', async () => {
  const works = new Works();
  const turns = new Turns(1, { ofOne: 3, ofAll: 4 }, refusal);
  const take = (name: string) =>
    turns.take(name.charAt(0), works.start(name)).then(
      () => name,
      () => `${name} refused`,
    );
  const all = ['a0', 'a1', 'a2', 'a3', 'a4', 'b1', 'c1', 'd1', 'e1'].map(take);
  for (let n = 0; n < 9; n += 1) await works.endOne();
  assert.deepEqual(await Promise.all(all), [
    'a0',
    'a1',
    'a2 refused',
    'a3 refused',
    'a4 refused',
    'b1',
    'c1',
    'd1',
    'e1 refused',
  ]);
});

test('a work that fails gives its turn back', async () => {
  const turns = new Turns(1, { ofOne: 1, ofAll: 1 }, refusal);
  await assert.rejects(turns.take('a', () => Promise.reject(new Error('no'))));
  assert.equal(await turns.take('a', async () => 1), 1);
});
