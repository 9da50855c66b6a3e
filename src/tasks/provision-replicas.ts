import type { Task } from '../jobs/kind.ts';
import { forgetReplicas } from '../store/observations.ts';
import { markRolloutRetired } from '../store/rollouts.ts';
import { loadInstance, loadRollout } from './load-rollout.ts';
import type { Parts } from './parts.ts';

/** Starts the replicas of the next rollout beside those that serve. */
export const provisionReplicas: Task<Parts> = {
  name: 'provision-replicas',
  async run(context) {
    const { plan, parts, stop, progress } = context;
    if (!plan.next) return;
    const instance = await loadInstance(parts, plan.instance);
    // Rolled in batches, they are all there already.
    if (instance.rolling?.rollout === plan.next.rollout) return;
    const rollout = await loadRollout(context, instance, plan.next.rollout, plan.hosts);
    const driver = parts.driver(instance.driver);
    const [problem] = await driver.check(rollout, plan.replicas);
    if (problem) throw problem;
    progress(
      `starting ${plan.replicas} on the driver "${driver.name}": ${rollout.workload.launch.runtimeVersion}`,
    );
    await driver.ensure(rollout, plan.replicas, stop);
  },
  async undo({ plan, parts, write }) {
    const { next } = plan;
    if (!next) return;
    const instance = await loadInstance(parts, plan.instance);
    // A switch that was committed but never acknowledged: what serves is not taken away.
    if (instance.servingRollout === next.rollout || instance.rolling?.rollout === next.rollout) return;
    await parts.driver(instance.driver).retire(instance.id, next.rollout, 0, parts.limits.stopGraceMs);
    const gone = parts.looks.moment();
    await write(async (tx) => {
      await forgetReplicas(tx, { instance: instance.id, rollout: next.rollout }, gone);
      await markRolloutRetired(tx, instance.id, next.rollout, parts.now());
    });
  },
};

/** Adds replicas to the rollout that serves. */
export const addReplicas: Task<Parts> = {
  name: 'add-replicas',
  async run(context) {
    const { plan, parts, stop } = context;
    const instance = await loadInstance(parts, plan.instance);
    if (
      instance.servingRollout === undefined ||
      instance.wanted !== 'running' ||
      plan.replicas <= plan.previousReplicas
    )
      return;
    const rollout = await loadRollout(context, instance, instance.servingRollout, plan.hosts);
    const driver = parts.driver(instance.driver);
    const [problem] = await driver.check(rollout, plan.replicas);
    if (problem) throw problem;
    await driver.ensure(rollout, plan.replicas, stop);
  },
  async undo({ plan, parts }) {
    const instance = await loadInstance(parts, plan.instance);
    if (instance.servingRollout === undefined) return;
    const keep = instance.wanted === 'running' ? instance.replicas : 0;
    await parts
      .driver(instance.driver)
      .retire(instance.id, instance.servingRollout, keep, parts.limits.stopGraceMs);
  },
};
