import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { Problem } from '../../domain/errors.ts';
import { findDomain } from '../../store/projects.ts';
import type { Parts } from '../parts.ts';
import { sessionOf } from '../session.ts';
import { textOf } from '../v2/paging.ts';
import { catalogWire, endpointsWire, servicesWire } from './catalog-wire.ts';
import { linksOf } from './links.ts';
import { originOf } from './origin.ts';
import {
  CatalogAnswer,
  DomainList,
  EndpointList,
  RegionDetail,
  RegionList,
  ServiceList,
  type RegionWire,
} from './schemas/place.ts';
import { Id, keystoneErrors } from './schemas/shared.ts';

const tags = ['Identity'];

/** Where things are: the domain, the one region, and the services at the address by which the caller reached us. */
export const placeRoutes =
  ({ services, region }: Parts): FastifyPluginAsyncTypebox =>
  async (app) => {
    const { read } = services.store;

    app.get(
      '/v3/auth/domains',
      {
        config: { permission: 'own' },
        schema: { operationId: 'ListAuthDomains', tags, response: { 200: DomainList, ...keystoneErrors } },
      },
      async (request) => {
        const domain = await findDomain(read, sessionOf(request).domain);
        const self = `${originOf(request)}/v3/auth/domains`;
        const domains = domain
          ? [{ id: domain.id, name: domain.name, description: '', enabled: true, links: { self } }]
          : [];
        return { domains, links: linksOf(self) };
      },
    );

    app.get(
      '/v3/regions',
      {
        config: { permission: 'own' },
        schema: { operationId: 'ListRegions', tags, response: { 200: RegionList, ...keystoneErrors } },
      },
      async (request) => {
        const self = `${originOf(request)}/v3/regions`;
        return { regions: [regionWire(region, self)], links: linksOf(self) };
      },
    );

    app.get(
      '/v3/regions/:id',
      {
        config: { permission: 'own' },
        schema: {
          operationId: 'ShowRegion',
          tags,
          params: Type.Object({ id: Id }),
          response: { 200: RegionDetail, ...keystoneErrors },
        },
      },
      async (request) => {
        if (request.params.id !== region) {
          throw new Problem('identityUnknown', `Could not find region: there is "${region}" alone.`);
        }
        return { region: regionWire(region, `${originOf(request)}/v3/regions`) };
      },
    );

    app.get(
      '/v3/auth/catalog',
      {
        config: { permission: 'own' },
        schema: { operationId: 'ShowCatalog', tags, response: { 200: CatalogAnswer, ...keystoneErrors } },
      },
      async (request) => {
        const origin = originOf(request);
        return {
          catalog: catalogWire(origin, region, sessionOf(request).project),
          links: linksOf(`${origin}/v3/auth/catalog`),
        };
      },
    );

    app.get(
      '/v3/services',
      {
        config: { permission: 'own' },
        schema: {
          operationId: 'ListServices',
          tags,
          querystring: Type.Object({ type: Type.Optional(Type.String()) }),
          response: { 200: ServiceList, ...keystoneErrors },
        },
      },
      async (request) => {
        const origin = originOf(request);
        const type = textOf(request.query, 'type');
        const found = servicesWire(origin, region).filter((one) => type === undefined || one.type === type);
        return { services: found, links: linksOf(`${origin}/v3/services`) };
      },
    );

    app.get(
      '/v3/endpoints',
      {
        config: { permission: 'own' },
        schema: {
          operationId: 'ListEndpoints',
          tags,
          querystring: Type.Object({
            interface: Type.Optional(Type.String({ description: 'public; there are no others' })),
            service_id: Type.Optional(Type.String()),
          }),
          response: { 200: EndpointList, ...keystoneErrors },
        },
      },
      async (request) => {
        const origin = originOf(request);
        const kind = textOf(request.query, 'interface');
        const service = textOf(request.query, 'service_id');
        const found = endpointsWire(origin, region).filter(
          (one) =>
            (kind === undefined || one.interface === kind) &&
            (service === undefined || one.service_id === service),
        );
        return { endpoints: found, links: linksOf(`${origin}/v3/endpoints`) };
      },
    );
  };

const regionWire = (region: string, list: string): RegionWire => ({
  id: region,
  type: 'public',
  description: '',
  parent_region_id: null,
  links: { self: `${list}/${region}` },
  locales: { 'en-us': region, 'zh-cn': region },
});
