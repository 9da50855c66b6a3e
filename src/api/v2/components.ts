import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { applicationOf } from '../../actions/applications.ts';
import { changeComponent, componentOf, createComponent, removeComponent } from '../../actions/components.ts';
import { applicationId, componentId } from '../../domain/ids.ts';
import { listComponents } from '../../store/components.ts';
import { listInstancesOfComponents } from '../../store/instance-lists.ts';
import type { Parts } from '../parts.ts';
import { callerOf } from '../session.ts';
import { valuesFor } from '../shown-values.ts';
import { componentViewWire, componentWire, readBuild, readSource } from './components-wire.ts';
import { loadShown } from './instances-shown.ts';
import { instanceOverviewWire } from './instances-wire.ts';
import { readPaging } from './paging.ts';
import { readForce } from './queries.ts';
import {
  Component,
  ComponentCreate,
  ComponentList,
  ComponentModify,
  ComponentOverviewList,
} from './schemas/component.ts';
import { errors, ForceQuery, Id, NoContent, PagingQuery, params } from './schemas/shared.ts';

const tags = ['Components'];
const base = '/applications/:application_id/components';
const ofApplication = params({ application_id: Id });
const ofComponent = params({ application_id: Id, component_id: Id });
const orders = ['create_time', 'name', 'update_time'] as const;

const scopeIn = (path: { readonly application_id: string; readonly component_id: string }) => ({
  application: applicationId(path.application_id),
  component: componentId(path.component_id),
});

export const componentRoutes =
  ({ services, knownRuntimes }: Parts): FastifyPluginAsyncTypebox =>
  async (app) => {
    const { read } = services.store;

    app.post(
      base,
      {
        config: { permission: 'servicestage:app:create' },
        schema: {
          operationId: 'CreateComponent',
          tags,
          params: ofApplication,
          body: ComponentCreate,
          response: { 200: Component, ...errors },
        },
      },
      async (request) => {
        const { name, runtime, category, sub_category, description, source, build } = request.body;
        const readable = readBuild(build);
        const component = {
          name,
          runtime,
          category,
          ...(sub_category !== undefined && { subCategory: sub_category }),
          ...(description !== undefined && { description }),
          ...(source && { source: readSource(source) }),
          ...(readable && { build: readable }),
        };
        const known = (await knownRuntimes()).map(({ typeName }) => typeName);
        const application = applicationId(request.params.application_id);
        return componentWire(
          await createComponent(services, callerOf(request), application, component, known),
        );
      },
    );

    app.get(
      base,
      {
        config: { permission: 'servicestage:app:list' },
        schema: {
          operationId: 'ListComponents',
          tags,
          params: ofApplication,
          querystring: PagingQuery,
          response: { 200: ComponentList, ...errors },
        },
      },
      async (request) => {
        const caller = callerOf(request);
        const { id } = await applicationOf(read, caller, applicationId(request.params.application_id));
        const { count, items } = await listComponents(
          read,
          caller.project,
          id,
          readPaging(request.query, orders),
        );
        return { count, components: items.map(componentViewWire) };
      },
    );

    app.get(
      `${base}/overviews`,
      {
        config: { permission: 'servicestage:app:list' },
        schema: {
          operationId: 'ListComponentOverviews',
          tags,
          params: ofApplication,
          querystring: PagingQuery,
          response: { 200: ComponentOverviewList, ...errors },
        },
      },
      async (request) => {
        const caller = callerOf(request);
        const application = await applicationOf(read, caller, applicationId(request.params.application_id));
        const paging = readPaging(request.query, orders);
        const { count, items } = await listComponents(read, caller.project, application.id, paging);
        const known = await knownRuntimes();
        const instances = await listInstancesOfComponents(
          read,
          caller.project,
          items.map(({ id }) => id),
        );
        const show = valuesFor(caller, services.key);
        const components = [];
        for (const component of items) {
          const shown = await loadShown(
            read,
            { application, component, runtimes: known },
            instances.get(component.id) ?? [],
          );
          components.push({
            ...componentViewWire(component),
            instances: shown.map((item) => instanceOverviewWire(item, show)),
          });
        }
        return { count, components };
      },
    );

    app.get(
      `${base}/:component_id`,
      {
        config: { permission: 'servicestage:app:get' },
        schema: {
          operationId: 'ShowComponentDetail',
          tags,
          params: ofComponent,
          response: { 200: Component, ...errors },
        },
      },
      async (request) => componentWire(await componentOf(read, callerOf(request), scopeIn(request.params))),
    );

    app.put(
      `${base}/:component_id`,
      {
        config: { permission: 'servicestage:app:modify' },
        schema: {
          operationId: 'ChangeComponent',
          tags,
          params: ofComponent,
          body: ComponentModify,
          response: { 200: Component, ...errors },
        },
      },
      async (request) => {
        const { name, description, source, build } = request.body;
        const readable = readBuild(build);
        const changes = {
          ...(name !== undefined && { name }),
          ...(description !== undefined && { description }),
          ...(source && { source: readSource(source) }),
          ...(readable && { build: readable }),
        };
        return componentWire(
          await changeComponent(services, callerOf(request), scopeIn(request.params), changes),
        );
      },
    );

    app.delete(
      `${base}/:component_id`,
      {
        config: { permission: 'servicestage:app:delete' },
        schema: {
          operationId: 'DeleteComponent',
          tags,
          params: ofComponent,
          querystring: ForceQuery,
          response: { 204: NoContent, ...errors },
        },
      },
      async (request, reply) => {
        const options = { force: readForce(request.query) };
        await removeComponent(services, callerOf(request), scopeIn(request.params), options);
        return reply.code(204).send();
      },
    );
  };
