import { Problem } from '../domain/errors.ts';
import type { Health } from '../domain/instance.ts';
import { describeExit, type Observed } from '../domain/rollout.ts';
import { updateInstance, type Instance } from '../store/instances.ts';
import type { Tx } from '../store/open.ts';
import { upsertReplicas } from '../store/replicas.ts';
import type { Parts } from './parts.ts';

/** Asks the driver for one instance; a driver that cannot answer is a passing condition, so the task is tried again. */
export async function observe(parts: Parts, instance: Instance): Promise<readonly Observed[]> {
  return parts.driver(instance.driver).observe(instance.id);
}

/** Stores what was seen and what it means for the instance's health. */
export async function recordObserved(
  tx: Tx,
  instance: Instance,
  seen: readonly Observed[],
  now: number,
): Promise<void> {
  await upsertReplicas(tx, instance.project, seen, now);
  const serving = servingReplicas(instance, seen);
  const [first] = serving;
  await updateInstance(tx, instance.id, {
    health: healthOf(instance, serving),
    ...(first && { notes: { enforced: first.enforced, runtimeVersion: first.runtimeVersion } }),
  });
}

export function servingReplicas(instance: Instance, seen: readonly Observed[]): readonly Observed[] {
  return seen.filter(
    ({ rollout, ordinal }) => rollout === instance.servingRollout && ordinal < instance.replicas,
  );
}

function healthOf(instance: Instance, serving: readonly Observed[]): Health {
  const healthy = serving.filter(({ readiness }) => readiness.ready).length;
  const sick = serving.find(({ readiness }) => !readiness.ready);
  const missing = instance.replicas - serving.length;
  const detail = sick
    ? describeSick(sick)
    : missing > 0
      ? `${missing} of ${instance.replicas} replicas are not there`
      : undefined;
  return { healthy, observable: true, ...(detail !== undefined && { detail }) };
}

/** What is wrong with one replica, in a sentence. */
export function describeSick({ ordinal, lastExit, restarts, readiness }: Observed): string {
  if (lastExit && restarts > 0)
    return `Replica ${ordinal} exited with ${describeExit(lastExit)} and was started again ${restarts} times`;
  if (lastExit) return `Replica ${ordinal} exited with ${describeExit(lastExit)}`;
  return `Replica ${ordinal} is not ready: ${readiness.saw}`;
}

const LOG_LINES = 20;

/** The Problem for a replica that does not get healthy, with what it left behind. */
export async function neverHealthy(parts: Parts, instance: Instance, replica: Observed): Promise<Problem> {
  const log: string[] = [];
  try {
    for await (const line of parts.driver(instance.driver).logs(replica, LOG_LINES)) log.push(line.text);
  } catch {
    log.push('(its log could not be read)');
  }
  const last = log.findLast((line) => line.trim() !== '');
  return new Problem(
    'neverHealthy',
    `${describeSick(replica)}.${last === undefined ? ' It logged nothing.' : ` Its last log line: ${last}`}`,
    {
      ...(replica.lastExit && { exit: describeExit(replica.lastExit) }),
      log,
    },
  );
}
