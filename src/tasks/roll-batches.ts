import { nextBatch, type Batches, type Rolling } from '../domain/batches.ts';
import type { Task, TaskContext } from '../jobs/kind.ts';
import { updateInstance, type Instance } from '../store/instances.ts';
import { untilReady } from './await-healthy.ts';
import { loadInstance, loadRelease, loadRollout } from './load-rollout.ts';
import { observe, recordObserved } from './observe-instance.ts';
import type { Parts } from './parts.ts';
import { retire } from './retire-replicas.ts';

/** The rest of the time for undoing is for removing what is new. */
const OLD_BACK_MOST_MS = 30_000;
const LOOK_AGAIN_MS = 100;

/**
 * Where the user bounds the surge of a rolling update, new replicas get the traffic batch by batch, and old ones leave
 * between. How far it came is stored before it is done, so that a batch is found where it was left.
 */
export const rollBatches: Task<Parts> = {
  name: 'roll-batches',
  async run(context) {
    const { parts, plan, stop, progress } = context;
    const instance = await loadInstance(parts, plan.instance);
    const { servingRollout } = instance;
    const batches = await batchesOf(context, instance);
    if (!batches || !plan.next || servingRollout === undefined) return;
    const driver = parts.driver(instance.driver);
    const rollout = await loadRollout(context, instance, plan.next.rollout, plan.hosts);
    let rolling: Rolling =
      instance.rolling?.rollout === rollout.number
        ? instance.rolling
        : { rollout: rollout.number, ready: 0, kept: instance.replicas };
    while (rolling.ready < plan.replicas) {
      const next = nextBatch(batches, plan.replicas, rolling);
      progress(
        `${rolling.ready} of ${plan.replicas} replaced; ${next.ready - rolling.ready} more are starting`,
      );
      await driver.ensure(rollout, next.ready, stop);
      await untilReady(context, instance, rollout.number, next.ready);
      await setRolling(context, instance, next);
      await retire(context, instance, servingRollout, next.kept);
      rolling = next;
    }
  },
  /** What was taken away is there again, and ready, before what is new leaves. */
  async undo(context) {
    const { parts, plan } = context;
    const instance = await loadInstance(parts, plan.instance);
    const { rolling, servingRollout } = instance;
    if (!rolling || rolling.rollout !== plan.next?.rollout || servingRollout === rolling.rollout) return;
    if (servingRollout !== undefined && instance.wanted === 'running') {
      await setRolling(context, instance, { ...rolling, kept: instance.replicas });
      await bringBack(context, instance, servingRollout);
    }
    await setRolling(context, instance, null);
    await retire(context, instance, rolling.rollout, 0);
  },
};

/** Absent: all new replicas are started beside the old ones, or there is nothing to replace. */
async function batchesOf(
  { parts, plan }: TaskContext<Parts>,
  instance: Instance,
): Promise<Batches | undefined> {
  const { servingRollout, wanted, replicas } = instance;
  if (!plan.next || servingRollout === undefined || servingRollout === plan.next.rollout) return undefined;
  if (wanted !== 'running' || replicas === 0) return undefined;
  const { batches, strategy } = (await loadRelease(parts, instance, plan.next.rollout)).content;
  return strategy === 'RollingUpdate' && batches && batches.maxSurge < plan.replicas ? batches : undefined;
}

async function setRolling(
  { parts, write }: TaskContext<Parts>,
  instance: Instance,
  rolling: Rolling | null,
): Promise<void> {
  await write((tx) => updateInstance(tx, instance.id, { rolling }));
  await parts.routes.publish();
}

/** At most for the time given: what is not ready by then gets ready under the eyes of repair. */
async function bringBack(context: TaskContext<Parts>, instance: Instance, rollout: number): Promise<void> {
  const { parts, write, stop } = context;
  await parts
    .driver(instance.driver)
    .ensure(await loadRollout(context, instance, rollout), instance.replicas, stop);
  const until = performance.now() + OLD_BACK_MOST_MS;
  for (;;) {
    const look = await observe(parts, instance);
    const back = look.seen.filter((each) => each.rollout === rollout && each.ordinal < instance.replicas);
    const isBack = back.length >= instance.replicas && back.every(({ readiness }) => readiness.ready);
    const isLate = performance.now() > until;
    if (isBack || isLate) {
      const isRecorded = await write((tx) => recordObserved(tx, instance.id, look, parts.now()));
      if (isRecorded || isLate) return parts.routes.publish();
    }
    stop.throwIfAborted();
    await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
  }
}
