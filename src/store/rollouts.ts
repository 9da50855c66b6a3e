import type { Selectable } from 'kysely';
import type { SealedVariable } from '../domain/envelope.ts';
import {
  instanceId,
  projectId,
  releaseId,
  type InstanceId,
  type ProjectId,
  type ReleaseId,
} from '../domain/ids.ts';
import type { RolloutContent } from '../domain/rollout.ts';
import { isListOf, isShape, parseOptionalJson } from './json.ts';
import type { Db, Tx } from './open.ts';
import { present } from './rows.ts';
import type { Tables } from './tables.ts';

/** That a release was put into service; the domain's Rollout is this with all that a driver needs. */
export interface RolloutRecord {
  readonly instance: InstanceId;
  /** Rises per instance, never reused. */
  readonly number: number;
  readonly release: ReleaseId;
  readonly project: ProjectId;
  readonly createTime: number;
  /** Set once all its replicas are gone for good. */
  readonly retireTime?: number;
  /** What the resources gave that its release refers to; absent: not resolved yet. */
  readonly resourceEnv?: readonly SealedVariable[];
}

const isVariable = isShape<SealedVariable>({ name: 'string', value: 'object' });
const isContent = isShape<RolloutContent>({
  workload: 'object',
  env: 'object',
  limits: 'object',
  graceMs: 'number',
});

/** Without its content, which may be large. */
const columns = [
  'rollouts.instance_id',
  'rollouts.number',
  'rollouts.release_id',
  'rollouts.project_id',
  'rollouts.create_time',
  'rollouts.retire_time',
  'rollouts.env_json',
] as const;

function toRollout(row: Omit<Selectable<Tables['rollouts']>, 'content_json'>): RolloutRecord {
  return present({
    instance: instanceId(row.instance_id),
    number: row.number,
    release: releaseId(row.release_id),
    project: projectId(row.project_id),
    createTime: row.create_time,
    retireTime: row.retire_time,
    resourceEnv: parseOptionalJson(row.env_json, 'rollouts.env_json', isListOf(isVariable)),
  });
}

/** Takes the instance's next number; the row is held, so two at once get two numbers. */
export async function insertRollout(
  tx: Tx,
  rollout: Pick<RolloutRecord, 'instance' | 'release' | 'project' | 'createTime'>,
): Promise<number> {
  const { next } = await tx
    .updateTable('instances')
    .set((eb) => ({ next_rollout: eb('next_rollout', '+', 1) }))
    .where('id', '=', rollout.instance)
    .returning('next_rollout as next')
    .executeTakeFirstOrThrow(
      () => new Error(`Instance ${rollout.instance} is gone, so nothing can be rolled out.`),
    );
  const number = next - 1;
  await tx
    .insertInto('rollouts')
    .values({
      instance_id: rollout.instance,
      number,
      release_id: rollout.release,
      project_id: rollout.project,
      create_time: rollout.createTime,
      retire_time: null,
      env_json: null,
      content_json: null,
    })
    .execute();
  return number;
}

export async function findRollout(
  db: Db,
  instance: InstanceId,
  number: number,
): Promise<RolloutRecord | undefined> {
  const row = await db
    .selectFrom('rollouts')
    .select(columns)
    .where('instance_id', '=', instance)
    .where('number', '=', number)
    .executeTakeFirst();
  return row && toRollout(row);
}

/** Those that may still have replicas somewhere, oldest first. */
export async function listUnretiredRollouts(db: Db, instance: InstanceId): Promise<readonly RolloutRecord[]> {
  const rows = await db
    .selectFrom('rollouts')
    .select(columns)
    .where('instance_id', '=', instance)
    .where('retire_time', 'is', null)
    .orderBy('number')
    .execute();
  return rows.map(toRollout);
}

/** The numbers of those, of many instances; an instance without is not in it. */
export async function listUnretiredRolloutsOf(
  db: Db,
  instances: readonly InstanceId[],
): Promise<ReadonlyMap<InstanceId, readonly number[]>> {
  const numbers = new Map<InstanceId, number[]>();
  if (instances.length === 0) return numbers;
  const rows = await db
    .selectFrom('rollouts')
    .select(['instance_id', 'number'])
    .where('instance_id', 'in', instances)
    .where('retire_time', 'is', null)
    .orderBy('number')
    .execute();
  for (const row of rows) {
    const id = instanceId(row.instance_id);
    const known = numbers.get(id);
    if (known) known.push(row.number);
    else numbers.set(id, [row.number]);
  }
  return numbers;
}

export async function markRolloutRetired(
  tx: Tx,
  instance: InstanceId,
  number: number,
  time: number,
): Promise<void> {
  await tx
    .updateTable('rollouts')
    .set({ retire_time: time, content_json: null })
    .where('instance_id', '=', instance)
    .where('number', '=', number)
    .where('retire_time', 'is', null)
    .execute();
}

/** Absent: it was not worked out yet. */
export async function findRolloutContent(
  db: Db,
  instance: InstanceId,
  number: number,
): Promise<RolloutContent | undefined> {
  const row = await db
    .selectFrom('rollouts')
    .select('content_json')
    .where('instance_id', '=', instance)
    .where('number', '=', number)
    .executeTakeFirst();
  return parseOptionalJson(row?.content_json ?? null, 'rollouts.content_json', isContent);
}

/** Once and for all: every replica of the rollout gets the same, whenever it is started. */
export async function keepRolloutContent(
  tx: Tx,
  instance: InstanceId,
  number: number,
  {
    content,
    resourceEnv,
  }: { readonly content: RolloutContent; readonly resourceEnv: readonly SealedVariable[] },
): Promise<void> {
  await tx
    .updateTable('rollouts')
    .set({ content_json: JSON.stringify(content), env_json: JSON.stringify(resourceEnv) })
    .where('instance_id', '=', instance)
    .where('number', '=', number)
    .where('content_json', 'is', null)
    .execute();
}

/** What resources gave to the rollouts that serve, for a page of instances. */
export async function listResourceEnv(
  db: Db,
  instances: readonly { readonly id: InstanceId }[],
): Promise<ReadonlyMap<InstanceId, readonly SealedVariable[]>> {
  if (instances.length === 0) return new Map();
  const ids = instances.map(({ id }) => id);
  const rows = await db
    .selectFrom('rollouts')
    .innerJoin('instances', (join) =>
      join
        .onRef('instances.id', '=', 'rollouts.instance_id')
        .onRef('instances.serving_rollout', '=', 'rollouts.number'),
    )
    .select(columns)
    .where('rollouts.instance_id', 'in', ids)
    .where('env_json', 'is not', null)
    .execute();
  return new Map(rows.map(toRollout).map(({ instance, resourceEnv = [] }) => [instance, resourceEnv]));
}
