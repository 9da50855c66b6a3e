import { createHash } from 'node:crypto';
import type { CatalogWire } from './schemas/token.ts';

interface ServiceFacts {
  readonly name: string;
  readonly type: string;
  /** Below the address by which the caller reached us. */
  readonly path: string;
  readonly region: string;
}

/** `scope` is the project's part of a path: its id, or Keystone's word for whichever it will be. */
function facts(region: string, scope: string | undefined): readonly ServiceFacts[] {
  const below = (version: string) => (scope === undefined ? version : `${version}/${scope}`);
  return [
    { name: 'servicestage', type: 'servicestage', path: below('/v2'), region },
    { name: 'servicestagev1', type: 'servicestagev1', path: below('/v1'), region },
    { name: 'iam', type: 'identity', path: '/v3', region: '*' },
  ];
}

/** Where the services are: at the very address by which the caller reached us. */
export function catalogWire(origin: string, region: string, project: string | undefined): CatalogWire {
  return facts(region, project).map(({ name, type, path, region: place }) => ({
    id: idOf(name),
    name,
    type,
    endpoints: [
      {
        id: idOf(`${name}${path}`),
        interface: 'public',
        region: place,
        region_id: place,
        url: `${origin}${path}`,
      },
    ],
  }));
}

export const servicesWire = (origin: string, region: string) =>
  facts(region, undefined).map(({ name, type }) => ({
    id: idOf(name),
    name,
    type,
    description: '',
    enabled: true,
    links: { self: `${origin}/v3/services/${idOf(name)}` },
  }));

export const endpointsWire = (origin: string, region: string) =>
  facts(region, '$(tenant_id)s').map(({ name, path, region: place }) => ({
    id: idOf(`${name}${path}`),
    service_id: idOf(name),
    interface: 'public',
    region: place,
    region_id: place,
    url: `${origin}${path}`,
    enabled: true,
    links: { self: `${origin}/v3/endpoints/${idOf(`${name}${path}`)}` },
  }));

/** The same at every answer, without a row for it. */
export const idOf = (name: string) => createHash('md5').update(name).digest('hex');
