import { Type, type Static } from 'typebox';
import { Catalog } from './token.ts';
import { Links, Self } from './shared.ts';

export const DomainList = Type.Object(
  {
    domains: Type.Array(
      Type.Object({
        id: Type.String(),
        name: Type.String(),
        description: Type.String(),
        enabled: Type.Boolean(),
        links: Self,
      }),
    ),
    links: Links,
  },
  { title: 'DomainList' },
);

const Region = Type.Object(
  {
    id: Type.String(),
    type: Type.String(),
    description: Type.String(),
    parent_region_id: Type.Null(),
    links: Self,
    locales: Type.Object({ 'en-us': Type.String(), 'zh-cn': Type.String() }),
  },
  { title: 'Region' },
);
export const RegionList = Type.Object({ regions: Type.Array(Region), links: Links }, { title: 'RegionList' });
export const RegionDetail = Type.Object({ region: Region }, { title: 'RegionDetail' });

export const CatalogAnswer = Type.Object({ catalog: Catalog, links: Links }, { title: 'Catalog' });

const Service = Type.Object(
  {
    id: Type.String(),
    name: Type.String(),
    type: Type.String(),
    description: Type.String(),
    enabled: Type.Boolean(),
    links: Self,
  },
  { title: 'Service' },
);
export const ServiceList = Type.Object(
  { services: Type.Array(Service), links: Links },
  { title: 'ServiceList' },
);

const Endpoint = Type.Object(
  {
    id: Type.String(),
    service_id: Type.String(),
    interface: Type.String(),
    region: Type.String(),
    region_id: Type.String(),
    url: Type.String(),
    enabled: Type.Boolean(),
    links: Self,
  },
  { title: 'Endpoint' },
);
export const EndpointList = Type.Object(
  { endpoints: Type.Array(Endpoint), links: Links },
  { title: 'EndpointList' },
);

const ApiVersion = Type.Object({
  id: Type.String(),
  status: Type.String(),
  updated: Type.String(),
  links: Type.Array(Type.Object({ rel: Type.String(), href: Type.String() })),
});
export const ApiVersions = Type.Object(
  { versions: Type.Object({ values: Type.Array(ApiVersion) }), version: Type.Optional(ApiVersion) },
  { title: 'IdentityVersions' },
);

export type RegionWire = Static<typeof Region>;
