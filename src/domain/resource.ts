/** What an environment holds. The type is what clients name; the driver is what runs it. */
export type BaseType = 'ecs' | 'cce' | 'cci' | 'as';
export type DriverName = 'process';

/** Lower case on the wire; optional types that are not known are stored and echoed. */
export type ResourceType = string;

export interface Resource {
  readonly id: string;
  readonly type: ResourceType;
  readonly name?: string;
}

/** `Default` names all `ecs` hosts of an environment; it is resolved, never stored as a host. */
export const ANY_HOST = 'Default';

/** Whether one that names these cannot do without the resource. `hosts` picks among those that `Default` stands for. */
export function isNeeded(
  resource: Resource,
  named: readonly Pick<Resource, 'id' | 'type'>[],
  hosts: readonly string[] | undefined,
): boolean {
  return named.some(({ id, type }) => {
    if (type.toLowerCase() !== resource.type) return false;
    if (id === resource.id) return true;
    return resource.type === 'ecs' && id === ANY_HOST && (hosts?.includes(resource.id) ?? true);
  });
}

const baseTypes: readonly string[] = ['ecs', 'cce', 'cci', 'as'] satisfies readonly BaseType[];
export const isBaseType = (type: string): type is BaseType => baseTypes.includes(type);

/** The contract's word, which follows the type and never the driver (contract, 4.8). */
export function platformType(type: BaseType): 'cce' | 'vmapp' {
  switch (type) {
    case 'cce':
    case 'cci':
      return 'cce';
    case 'ecs':
    case 'as':
      return 'vmapp';
  }
}

/** Where `deploy_mode` was not sent, it follows the base resources (contract, 4.13). */
export function deployMode(base: readonly Resource[]): 'container' | 'virtualmachine' | 'mixed' {
  const containers = base.filter((resource) => resource.type === 'cce' || resource.type === 'cci').length;
  if (containers === base.length) return 'container';
  return containers === 0 ? 'virtualmachine' : 'mixed';
}
