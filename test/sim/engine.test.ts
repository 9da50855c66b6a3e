import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import {
  type KyselyPlugin,
  OperationNodeTransformer,
  BinaryOperationNode,
  ColumnNode,
  ReferenceNode,
  ValueNode,
} from 'kysely';
import type { Store } from '../../src/store/open.ts';
import { type Mutation, runSchedule } from './schedule.ts';
import { openInMemory, type SimulatedDatabase } from './simulated-store.ts';
import { Violation } from './world.ts';

const isAll = process.env['OPENSTAGE_TEST_ALL'] === '1';
const isLong = process.env['OPENSTAGE_TEST_LONG'] === '1';
const SCHEDULES = isLong ? 20_000 : isAll ? 2_000 : 200;
/** So many schedules at least one of which must show a broken engine. */
const MUTATED = 400;

const given = process.env['SEED'];
const firstSeed = given === undefined ? randomInt(2 ** 31) : Number(given);
const count = given === undefined ? SCHEDULES : 1;

describe('the engine under random schedules', () => {
  let database: SimulatedDatabase;
  before(async () => {
    database = await openInMemory();
  });
  after(() => database.store.close());

  test(`no invariant breaks in ${count} schedules from SEED=${firstSeed} on`, async () => {
    for (let seed = firstSeed; seed < firstSeed + count; seed += 1) await runSchedule(seed, database);
  });

  test('a seed says everything that happens', async () => {
    const first = await runSchedule(firstSeed, database);
    const second = await runSchedule(firstSeed, database);
    assert.deepEqual(second.history, first.history);
  });

  const mutations: Readonly<Record<string, { readonly mutation: Mutation; readonly seen: RegExp }>> = {
    'takes over leases that are proven': {
      mutation: { limits: { leaseMs: 100 } },
      seen: /stole job|begins to (run|undo)/,
    },
    'does not doubt a lease that it cannot prove': {
      mutation: { limits: { lostAfterMs: Infinity } },
      seen: /begins to (run|undo)/,
    },
    'writes without the fence': { mutation: { store: withoutFence }, seen: /which .* (held|holds)/ },
    'never gives up on a task': {
      mutation: { limits: { settleMs: Infinity, blockedMs: Infinity } },
      seen: /did not end/,
    },
  };
  for (const [what, { mutation, seen }] of Object.entries(mutations)) {
    test(`an engine that ${what} is found out`, async () => {
      await assert.rejects(
        async () => {
          for (let seed = 1; seed <= MUTATED; seed += 1) await runSchedule(seed, database, mutation);
        },
        (error: unknown) => {
          assert.ok(error instanceof Violation);
          assert.match(error.message, seen);
          assert.match(error.message, /SEED=\d+ replays it/);
          return true;
        },
      );
    });
  }
});

/** Drops every comparison with the lease's epoch. */
class FenceDropper extends OperationNodeTransformer {
  protected override transformBinaryOperation(node: BinaryOperationNode): BinaryOperationNode {
    const { leftOperand: left } = node;
    const isFence =
      ReferenceNode.is(left) && ColumnNode.is(left.column) && left.column.column.name === 'lease_epoch';
    const transformed = super.transformBinaryOperation(node);
    return isFence
      ? { ...transformed, leftOperand: ValueNode.create(1), rightOperand: ValueNode.create(1) }
      : transformed;
  }
}

function withoutFence(store: Store): Store {
  const dropper = new FenceDropper();
  const plugin: KyselyPlugin = {
    transformQuery: ({ node, queryId }) => dropper.transformNode(node, queryId),
    transformResult: ({ result }) => Promise.resolve(result),
  };
  return { ...store, write: (work) => store.write((tx) => work(tx.withPlugin(plugin))) };
}
