import { Problem } from '../domain/errors.ts';
import { ANY_HOST, isBaseType, platformType, type Resource } from '../domain/resource.ts';
import type { HostId } from '../domain/ids.ts';
import type { ReferResource } from '../domain/release.ts';
import type { Environment } from '../store/environments.ts';

import { listHosts } from '../store/hosts.ts';
import type { Tx } from '../store/open.ts';

/** Where an instance runs: the first runnable resource it names, else its environment's first base resource. */
export interface Placement {
  readonly target: Pick<Resource, 'type' | 'id'>;
  readonly platformType: 'cce' | 'vmapp';
  /** Picked hosts; absent: all. */
  readonly hosts?: readonly HostId[];
}

export async function planPlacement(
  tx: Tx,
  environment: Environment,
  referred: readonly ReferResource[],
): Promise<Placement> {
  const resources = [...environment.baseResources, ...environment.optionalResources];
  for (const resource of referred) assertIncluded(resource, resources, environment.id);
  const first = referred.find(({ type }) => isBaseType(type.toLowerCase()));
  const resource = first ?? environment.baseResources[0];
  const type = resource?.type.toLowerCase();
  if (!resource || type === undefined || !isBaseType(type)) {
    throw new Problem(
      'noBaseResource',
      `Environment ${environment.id} has no base resource; add one of type cce, cci, ecs or as to it.`,
    );
  }
  const hosts = await planHosts(tx, first?.parameters?.['hosts']);
  return { target: { type, id: resource.id }, platformType: platformType(type), ...(hosts && { hosts }) };
}

function assertIncluded(
  { id, type }: ReferResource,
  resources: readonly Resource[],
  environment: string,
): void {
  const wanted = type.toLowerCase();
  const included = resources.some(
    (resource) => resource.type === wanted && (resource.id === id || (wanted === 'ecs' && id === ANY_HOST)),
  );
  if (included || (wanted === 'cse' && id === 'default')) return;
  throw new Problem(
    wanted === 'elb' ? 'loadBalancerUnknown' : 'invalid',
    `refer_resources names ${wanted} "${id}", which environment ${environment} does not have; expected one of its resources: ` +
      `${resources.map((resource) => `${resource.type} ${resource.id}`).join(', ') || 'none'}.`,
  );
}

/** Names of hosts as sent (a list, or text with commas), checked against those there are. */
export async function planHosts(tx: Tx, sent: unknown): Promise<readonly HostId[] | undefined> {
  if (sent === undefined || sent === null) return undefined;
  const names = Array.isArray(sent) ? sent.map(String) : String(sent).split(',');
  const hosts = await listHosts(tx);
  return names.map((name) => {
    const host = hosts.find(({ id }) => id === name.trim());
    if (!host)
      throw new Problem(
        'invalid',
        `hosts names "${name}", which is no host here; expected one of ${hosts.map(({ id }) => id).join(', ')}.`,
      );
    return host.id;
  });
}
