import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import {
  applicationOf,
  changeApplication,
  createApplication,
  moveApplication,
  removeApplication,
  removeApplicationConfiguration,
  setApplicationConfiguration,
} from '../../actions/applications.ts';
import { Problem } from '../../domain/errors.ts';
import { applicationId, environmentId } from '../../domain/ids.ts';
import { listApplicationConfigurations, listApplications } from '../../store/applications.ts';
import type { Parts } from '../parts.ts';
import { callerOf } from '../session.ts';
import { valuesFor } from '../shown-values.ts';
import { applicationViewWire, applicationWire, configurationWire } from './applications-wire.ts';
import { readPaging, textOf } from './paging.ts';
import {
  Application,
  ApplicationConfiguration,
  ApplicationConfigurationList,
  ApplicationConfigurationModify,
  ApplicationCreate,
  ApplicationList,
  ApplicationModify,
  ApplicationTagsResult,
  ApplicationView,
} from './schemas/application.ts';
import {
  EnterpriseProjectTags,
  enterpriseProjectOf,
  errors,
  Id,
  NoContent,
  PagingQuery,
  params,
} from './schemas/shared.ts';
import { readVariables } from './variables-wire.ts';

const tags = ['Applications'];
const inProject = params({});
const ofApplication = params({ application_id: Id });
const OfEnvironment = Type.Object({
  environment_id: Type.Optional(Type.String({ description: 'one environment only' })),
});

export const applicationRoutes =
  ({ services }: Parts): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.post(
      '/applications',
      {
        config: { permission: 'servicestage:app:create' },
        schema: {
          operationId: 'CreateApplication',
          tags,
          params: inProject,
          body: ApplicationCreate,
          response: { 200: Application, ...errors },
        },
      },
      async (request) => {
        const { name, description, enterprise_project_id } = request.body;
        return applicationWire(
          await createApplication(services, callerOf(request), {
            name,
            ...(description !== undefined && { description }),
            ...(enterprise_project_id !== undefined && { enterpriseProjectId: enterprise_project_id }),
          }),
        );
      },
    );

    app.get(
      '/applications',
      {
        config: { permission: 'servicestage:app:list' },
        schema: {
          operationId: 'ListApplications',
          tags,
          params: inProject,
          querystring: PagingQuery,
          response: { 200: ApplicationList, ...errors },
        },
      },
      async (request) => {
        const paging = readPaging(request.query, ['create_time', 'name', 'update_time']);
        const { count, items } = await listApplications(
          services.store.read,
          callerOf(request).project,
          paging,
        );
        return { count, applications: items.map(applicationViewWire) };
      },
    );

    app.get(
      '/applications/:application_id',
      {
        config: { permission: 'servicestage:app:get' },
        schema: {
          operationId: 'ShowApplicationDetail',
          tags,
          params: ofApplication,
          response: { 200: ApplicationView, ...errors },
        },
      },
      async (request) => {
        const id = applicationId(request.params.application_id);
        return applicationViewWire(await applicationOf(services.store.read, callerOf(request), id));
      },
    );

    app.put(
      '/applications/:application_id',
      {
        config: { permission: 'servicestage:app:modify' },
        schema: {
          operationId: 'ChangeApplication',
          tags,
          params: ofApplication,
          body: ApplicationModify,
          response: { 200: Application, ...errors },
        },
      },
      async (request) => {
        const { name, description } = request.body;
        const id = applicationId(request.params.application_id);
        const changes = {
          ...(name !== undefined && { name }),
          ...(description !== undefined && { description }),
        };
        return applicationWire(await changeApplication(services, callerOf(request), id, changes));
      },
    );

    app.delete(
      '/applications/:application_id',
      {
        config: { permission: 'servicestage:app:delete' },
        schema: {
          operationId: 'DeleteApplication',
          tags,
          params: ofApplication,
          response: { 204: NoContent, ...errors },
        },
      },
      async (request, reply) => {
        await removeApplication(services, callerOf(request), applicationId(request.params.application_id));
        return reply.code(204).send();
      },
    );

    app.post(
      '/applications/:application_id/tags/create',
      {
        config: { permission: 'servicestage:app:modify' },
        schema: {
          operationId: 'CreateApplicationTags',
          tags,
          params: ofApplication,
          body: EnterpriseProjectTags,
          response: { 200: ApplicationTagsResult, ...errors },
        },
      },
      async (request) => {
        const id = applicationId(request.params.application_id);
        const target = enterpriseProjectOf(request.body);
        return {
          application_id: id,
          job_id: await moveApplication(services, callerOf(request), id, target),
        };
      },
    );

    app.get(
      '/applications/:application_id/configuration',
      {
        config: { permission: 'servicestage:app:get' },
        schema: {
          operationId: 'ShowApplicationConfiguration',
          tags,
          params: ofApplication,
          querystring: OfEnvironment,
          response: { 200: ApplicationConfigurationList, ...errors },
        },
      },
      async (request) => {
        const caller = callerOf(request);
        const { id } = await applicationOf(
          services.store.read,
          caller,
          applicationId(request.params.application_id),
        );
        const environment = textOf(request.query, 'environment_id');
        const found = await listApplicationConfigurations(
          services.store.read,
          id,
          environment === undefined ? undefined : environmentId(environment),
        );
        const show = valuesFor(caller, services.key);
        return { configuration: found.map((one) => configurationWire(show, one)) };
      },
    );

    app.put(
      '/applications/:application_id/configuration',
      {
        config: { permission: 'servicestage:app:modify' },
        schema: {
          operationId: 'ChangeApplicationConfiguration',
          tags,
          params: ofApplication,
          body: ApplicationConfigurationModify,
          response: { 200: ApplicationConfiguration, ...errors },
        },
      },
      async (request) => {
        const { environment_id, configuration } = request.body;
        const id = applicationId(request.params.application_id);
        const caller = callerOf(request);
        const variables = readVariables(configuration.env ?? []);
        const environment = environmentId(environment_id);
        return configurationWire(
          valuesFor(caller, services.key),
          await setApplicationConfiguration(services, caller, id, environment, variables),
        );
      },
    );

    app.delete(
      '/applications/:application_id/configuration',
      {
        config: { permission: 'servicestage:app:modify' },
        schema: {
          operationId: 'DeleteApplicationConfiguration',
          tags,
          params: ofApplication,
          querystring: OfEnvironment,
          response: { 204: NoContent, ...errors },
        },
      },
      async (request, reply) => {
        const environment = textOf(request.query, 'environment_id');
        if (environment === undefined || environment === '') {
          throw new Problem(
            'invalid',
            'Query "environment_id" is missing; expected the id of an environment.',
          );
        }
        const id = applicationId(request.params.application_id);
        await removeApplicationConfiguration(services, callerOf(request), id, environmentId(environment));
        return reply.code(204).send();
      },
    );
  };
