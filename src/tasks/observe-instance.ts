import { Problem } from '../domain/errors.ts';
import type { InstanceId } from '../domain/ids.ts';
import type { Health } from '../domain/instance.ts';
import type { Look, LookClock } from '../domain/look.ts';
import { describeExit, isOverrunAgain, type Observed } from '../domain/rollout.ts';
import type { Driver } from '../drivers/driver.ts';
import { findInstance, updateInstance, type Instance, type InstanceNotes } from '../store/instances.ts';
import { recordLook } from '../store/observations.ts';
import type { Tx } from '../store/open.ts';
import { listReplicas } from '../store/replicas.ts';
import type { Parts } from './parts.ts';

/** Asks the driver for one instance; a driver that cannot answer is a passing condition, so the task is tried again. */
export function observe(parts: Pick<Parts, 'driver' | 'looks'>, instance: Instance): Promise<Look> {
  return look(parts.looks, () => parts.driver(instance.driver).observe(instance.id));
}

export async function look(looks: LookClock, ask: () => ReturnType<Driver['observe']>): Promise<Look> {
  const begun = looks.moment();
  const seen = await ask();
  return { begun, ended: looks.moment(), seen };
}

/**
 * Stores what was seen, unless something newer may be known, and what is known now means for the instance's health.
 * False where the look was too old: whoever needs its own to count looks again.
 */
export async function recordObserved(tx: Tx, id: InstanceId, look: Look, now: number): Promise<boolean> {
  const instance = await findInstance(tx, id);
  if (!instance) return false;
  const isRecorded = await recordLook(tx, instance, look, now);
  const known = isRecorded ? look.seen : await listReplicas(tx, id);
  const serving = servingReplicas(instance, known);
  const [first] = serving;
  await updateInstance(tx, id, {
    health: healthOf(instance, serving, isRecorded || instance.health.observable, now),
    ...(first && { notes: notesOf(first) }),
  });
  return isRecorded;
}

const notesOf = ({ enforced, bounds, runtimeVersion }: Observed): InstanceNotes => ({
  enforced,
  ...(bounds && { bounds }),
  runtimeVersion,
});

function servingReplicas(instance: Instance, seen: readonly Observed[]): readonly Observed[] {
  return seen.filter(
    ({ rollout, ordinal }) => rollout === instance.servingRollout && ordinal < instance.replicas,
  );
}

function healthOf(
  instance: Instance,
  serving: readonly Observed[],
  observable: boolean,
  now: number,
): Health {
  if (instance.outOfService !== undefined && instance.outOfService === instance.servingRollout)
    return { healthy: 0, observable, detail: 'is being recreated' };
  const healthy = serving.filter(({ readiness }) => readiness.ready).length;
  const sick =
    serving.find(({ readiness }) => !readiness.ready) ?? serving.find((each) => isOverrunAgain(each, now));
  const missing = instance.replicas - serving.length;
  const detail = sick
    ? describeSick(sick)
    : missing > 0
      ? `${missing} of ${instance.replicas} replicas are not there`
      : undefined;
  return { healthy, observable, ...(detail !== undefined && { detail }) };
}

/** What is wrong with one replica, in a sentence. */
export function describeSick({ ordinal, lastExit, restarts, readiness }: Observed): string {
  if (lastExit && restarts > 0) {
    const and = lastExit.cause === undefined ? ' and' : ', and';
    const times = restarts === 1 ? '1 time' : `${restarts} times`;
    return `Replica ${ordinal} exited with ${describeExit(lastExit)}${and} was started again ${times}`;
  }
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
