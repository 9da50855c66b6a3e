import { Problem } from '../domain/errors.ts';
import { ANY_HOST, isBaseType, platformType, type Resource } from '../domain/resource.ts';
import type { HostId } from '../domain/ids.ts';
import type { ReferResource } from '../domain/release.ts';
import type { Environment } from '../store/environments.ts';
import { listHosts, listHostsAmong } from '../store/hosts.ts';
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
  const isAlias = type === 'ecs' && resource.id === ANY_HOST;
  const hosts = await planHosts(
    tx,
    environment,
    first?.parameters?.['hosts'] ?? (await namedHost(tx, first)),
  );
  return {
    target: { type, id: isAlias ? firstHost(environment) : resource.id },
    platformType: platformType(type),
    ...(hosts && { hosts }),
  };
}

/** An `ecs` resource that is a host of ours is picked by naming it; any other one stands in on all. */
async function namedHost(tx: Tx, first: ReferResource | undefined): Promise<string | undefined> {
  if (first?.type.toLowerCase() !== 'ecs') return undefined;
  return (await listHosts(tx)).find(({ id }) => id === first.id)?.id;
}

const firstHost = ({ baseResources }: Environment): string =>
  baseResources.find(({ type }) => type === 'ecs')?.id ?? ANY_HOST;

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

/** Names of hosts as sent (a list, or text with commas), held to those of the environment; undefined where none were sent. */
export async function planHosts(
  tx: Tx,
  environment: Environment,
  sent: unknown,
): Promise<readonly HostId[] | undefined> {
  if (sent === undefined || sent === null) return undefined;
  const names = (Array.isArray(sent) ? sent.map(String) : String(sent).split(',')).map((name) => name.trim());
  const hosts = await listHostsAmong(tx, environment.baseResources);
  if (names.includes(ANY_HOST)) return hosts;
  const expected = `expected ${hosts.join(', ')}, or ${ANY_HOST} for all hosts of environment ${environment.id}`;
  if (names.length === 0) throw new Problem('invalid', `hosts is empty; ${expected}.`);
  const picked = names.map((name) => {
    const host = hosts.find((id) => id === name);
    if (!host) throw new Problem('invalid', `hosts names "${name}", which is no host there; ${expected}.`);
    return host;
  });
  return [...new Set(picked)];
}
