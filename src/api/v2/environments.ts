import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import {
  changeEnvironment,
  changeEnvironmentResources,
  createEnvironment,
  environmentOf,
  removeEnvironment,
} from '../../actions/environments.ts';
import { environmentId } from '../../domain/ids.ts';
import { listEnvironments } from '../../store/environments.ts';
import type { Parts } from '../parts.ts';
import { callerOf } from '../session.ts';
import { environmentWire, readResources, readTexts } from './environments-wire.ts';
import { readPaging } from './paging.ts';
import {
  Environment,
  EnvironmentCreate,
  EnvironmentList,
  EnvironmentModify,
  EnvironmentResourceModify,
} from './schemas/environment.ts';
import {
  EnterpriseProjectTags,
  enterpriseProjectOf,
  errors,
  Id,
  NoContent,
  PagingQuery,
  params,
} from './schemas/shared.ts';

const tags = ['Environments'];
const inProject = params({});
const ofEnvironment = params({ environment_id: Id });

export const environmentRoutes =
  ({ services }: Parts): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.post(
      '/environments',
      {
        config: { permission: 'servicestage:environment:create' },
        schema: {
          operationId: 'CreateEnvironment',
          tags,
          params: inProject,
          body: EnvironmentCreate,
          response: { 200: Environment, ...errors },
        },
      },
      async (request) => {
        const { name, vpc_id, enterprise_project_id, charge_mode, deploy_mode, ...rest } = request.body;
        return environmentWire(
          await createEnvironment(services, callerOf(request), {
            ...readTexts(rest),
            name,
            vpcId: vpc_id,
            ...(enterprise_project_id !== undefined && { enterpriseProjectId: enterprise_project_id }),
            ...(charge_mode !== undefined && { chargeMode: charge_mode }),
            ...(deploy_mode !== undefined && { deployMode: deploy_mode }),
            baseResources: readResources(rest.base_resources),
            optionalResources: readResources(rest.optional_resources),
          }),
        );
      },
    );

    app.get(
      '/environments',
      {
        config: { permission: 'servicestage:environment:list' },
        schema: {
          operationId: 'ListEnvironments',
          tags,
          params: inProject,
          querystring: PagingQuery,
          response: { 200: EnvironmentList, ...errors },
        },
      },
      async (request) => {
        const paging = readPaging(request.query, ['create_time', 'name', 'update_time']);
        const { count, items } = await listEnvironments(
          services.store.read,
          callerOf(request).project,
          paging,
        );
        return { count, environments: items.map(environmentWire) };
      },
    );

    app.get(
      '/environments/:environment_id',
      {
        config: { permission: 'servicestage:environment:get' },
        schema: {
          operationId: 'ShowEnvironmentDetail',
          tags,
          params: ofEnvironment,
          response: { 200: Environment, ...errors },
        },
      },
      async (request) => {
        const id = environmentId(request.params.environment_id);
        return environmentWire(await environmentOf(services.store.read, callerOf(request), id));
      },
    );

    app.put(
      '/environments/:environment_id',
      {
        config: { permission: 'servicestage:environment:modify' },
        schema: {
          operationId: 'ChangeEnvironment',
          tags,
          params: ofEnvironment,
          body: EnvironmentModify,
          response: { 200: Environment, ...errors },
        },
      },
      async (request) => {
        const id = environmentId(request.params.environment_id);
        return environmentWire(
          await changeEnvironment(services, callerOf(request), id, readTexts(request.body)),
        );
      },
    );

    app.delete(
      '/environments/:environment_id',
      {
        config: { permission: 'servicestage:environment:delete' },
        schema: {
          operationId: 'DeleteEnvironment',
          tags,
          params: ofEnvironment,
          response: { 204: NoContent, ...errors },
        },
      },
      async (request, reply) => {
        await removeEnvironment(services, callerOf(request), environmentId(request.params.environment_id));
        return reply.code(204).send();
      },
    );

    app.post(
      '/environments/:environment_id/tags/create',
      {
        config: { permission: 'servicestage:environment:modify' },
        schema: {
          operationId: 'CreateEnvironmentTags',
          tags,
          params: ofEnvironment,
          body: EnterpriseProjectTags,
          response: { 200: Environment, ...errors },
        },
      },
      async (request) => {
        const id = environmentId(request.params.environment_id);
        const enterpriseProjectId = enterpriseProjectOf(request.body);
        return environmentWire(
          await changeEnvironment(services, callerOf(request), id, { enterpriseProjectId }),
        );
      },
    );

    app.patch(
      '/environments/:environment_id/resources',
      {
        config: { permission: 'servicestage:environment:modify' },
        schema: {
          operationId: 'ChangeResourceInEnvironment',
          tags,
          params: ofEnvironment,
          body: EnvironmentResourceModify,
          response: { 200: Environment, ...errors },
        },
      },
      async (request) => {
        const { add_base_resources, add_optional_resources, remove_resources } = request.body;
        const id = environmentId(request.params.environment_id);
        return environmentWire(
          await changeEnvironmentResources(services, callerOf(request), id, {
            addBase: readResources(add_base_resources),
            addOptional: readResources(add_optional_resources),
            remove: readResources(remove_resources),
          }),
        );
      },
    );
  };
