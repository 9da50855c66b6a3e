import { instanceId, type InstanceId } from '../domain/ids.ts';
import { splitAddress } from '../domain/release.ts';
import type { Prefix } from '../domain/routes.ts';
import type { ReplicaId } from '../domain/rollout.ts';
import type { Db } from './open.ts';

/** What the ingress is told of one instance. */
export interface Routable {
  readonly id: InstanceId;
  /** Its own and those that its serving release names and it claimed. */
  readonly hosts: readonly string[];
  /** Parts of hosts, claimed in the same way. */
  readonly prefixes: readonly Prefix[];
  readonly isStopped: boolean;
  /** Ready ones of the serving rollout that is in service, within the count; while an update in batches is on its way, of both rollouts. */
  readonly replicas: readonly RoutableReplica[];
}

export interface RoutableReplica extends ReplicaId {
  readonly host: string;
  readonly port: number;
  /** Numeric user of its processes; absent: the platform's own. */
  readonly user?: number;
}

/** All live instances that are not to be deleted, in three queries however many there are. */
export async function listRoutable(db: Db): Promise<readonly Routable[]> {
  const instances = await db
    .selectFrom('instances')
    .select(['id', 'host_name', 'wanted'])
    .where('delete_time', 'is', null)
    .where('wanted', '!=', 'deleted')
    .orderBy('id')
    .execute();
  const claimed = Map.groupBy(await listClaimed(db), ({ instance }) => instance);
  const replicas = Map.groupBy(await listReady(db), ({ instance }) => instance);
  return instances.map((row) => {
    const id = instanceId(row.id);
    const claims = (claimed.get(id) ?? []).map(({ host }) => splitAddress(host));
    return {
      id,
      hosts: [row.host_name, ...claims.filter(({ path }) => path === '').map(({ host }) => host)],
      prefixes: claims.filter(({ path }) => path !== ''),
      isStopped: row.wanted !== 'running',
      replicas: replicas.get(id) ?? [],
    };
  });
}

async function listClaimed(
  db: Db,
): Promise<readonly { readonly instance: InstanceId; readonly host: string }[]> {
  const rows = await db
    .selectFrom('claimed_hosts')
    .innerJoin('instances', 'instances.id', 'claimed_hosts.instance_id')
    .innerJoin('release_hosts', (join) =>
      join
        .onRef('release_hosts.release_id', '=', 'instances.serving_release_id')
        .onRef('release_hosts.host', '=', 'claimed_hosts.host'),
    )
    .select(['claimed_hosts.instance_id', 'claimed_hosts.host'])
    .where('instances.delete_time', 'is', null)
    .orderBy('claimed_hosts.host')
    .execute();
  return rows.map((row) => ({ instance: instanceId(row.instance_id), host: row.host }));
}

async function listReady(db: Db): Promise<readonly RoutableReplica[]> {
  const rows = await db
    .selectFrom('replicas')
    .innerJoin('instances', 'instances.id', 'replicas.instance_id')
    .select(['replicas.instance_id', 'replicas.rollout', 'replicas.ordinal', 'address_host', 'address_port'])
    .select('instances.uid')
    .where('instances.delete_time', 'is', null)
    .where('instances.wanted', '=', 'running')
    .where('replicas.ready', '=', 1)
    .where((eb) =>
      eb('replicas.rollout', '!=', eb.fn.coalesce('instances.out_of_service_rollout', eb.lit(0))),
    )
    .where((eb) =>
      eb.or([
        eb.and([
          eb('replicas.rollout', '=', eb.ref('instances.serving_rollout')),
          eb('replicas.ordinal', '<', eb.fn.coalesce('instances.rolling_kept', 'instances.replicas')),
        ]),
        eb.and([
          eb('replicas.rollout', '=', eb.ref('instances.rolling_rollout')),
          eb('replicas.ordinal', '<', eb.ref('instances.rolling_ready')),
        ]),
      ]),
    )
    .orderBy('replicas.instance_id')
    .orderBy('replicas.rollout')
    .orderBy('replicas.ordinal')
    .execute();
  return rows.flatMap((row) =>
    row.address_host === null || row.address_port === null
      ? []
      : [
          {
            instance: instanceId(row.instance_id),
            rollout: row.rollout,
            ordinal: row.ordinal,
            host: row.address_host,
            port: row.address_port,
            ...(row.uid !== null && { user: row.uid }),
          },
        ],
  );
}
