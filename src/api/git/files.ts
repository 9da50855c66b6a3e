import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { Parts } from '../parts.ts';
import { Id, NoContent } from '../v2/schemas/shared.ts';
import { repositoryIn, requiredQuery, withHostOf, withSlashes } from './repository.ts';
import * as schemas from './schemas.ts';

const { errors, ofRepository, params } = schemas;
const tags = ['Git'];
const headers = schemas.AuthHeader;
const base = '/files/:namespace/:project';
const ofFile = params({ namespace: Id, project: Id, path: Id });

/** The alphabet of addresses and line ends are taken; hosts want the plain form. */
const plainBase64 = (text: string) => text.replace(/\s/g, '').replaceAll('-', '+').replaceAll('_', '/');

export const fileRoutes =
  ({ git }: Parts): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.get(
      `${base}/trees`,
      {
        config: { permission: 'servicestage:repositoryAuth:get' },
        schema: {
          operationId: 'ListTrees',
          summary: 'Paths of all files',
          tags,
          headers,
          params: ofRepository,
          querystring: schemas.RefQuery,
          response: { 200: schemas.TreePaths, ...errors },
        },
      },
      async (request) =>
        withHostOf(git, request, async (host) => {
          const ref = requiredQuery(request.query, 'ref');
          return { paths: [...(await host.tree(repositoryIn(request.params), ref))] };
        }),
    );

    app.get(
      `${base}/:path`,
      {
        config: { permission: 'servicestage:repositoryAuth:get' },
        schema: {
          operationId: 'ShowContent',
          tags,
          headers,
          params: ofFile,
          querystring: schemas.RefQuery,
          response: { 200: schemas.FileContent, ...errors },
        },
      },
      async (request) =>
        withHostOf(git, request, async (host) => {
          const ref = requiredQuery(request.query, 'ref');
          const path = withSlashes(request.params.path);
          return { ...(await host.file(repositoryIn(request.params), path, ref)), encoding: 'base64' };
        }),
    );

    app.post(
      `${base}/:path`,
      {
        config: { permission: 'servicestage:repositoryAuth:modify' },
        schema: {
          operationId: 'CreateFile',
          tags,
          headers,
          params: ofFile,
          querystring: schemas.RefQuery,
          body: schemas.FileCreate,
          response: { 200: schemas.FilePath, ...errors },
        },
      },
      async (request) => {
        const { message, content } = request.body;
        const path = withSlashes(request.params.path);
        await withHostOf(git, request, (host) => {
          const edit = { path, message, branch: requiredQuery(request.query, 'ref') };
          return host.createFile(repositoryIn(request.params), edit, plainBase64(content));
        });
        return { path };
      },
    );

    app.put(
      `${base}/:path`,
      {
        config: { permission: 'servicestage:repositoryAuth:modify' },
        schema: {
          operationId: 'UpdateFile',
          tags,
          headers,
          params: ofFile,
          querystring: schemas.RefQuery,
          body: schemas.FileUpdate,
          response: { 200: schemas.FilePath, ...errors },
        },
      },
      async (request) => {
        const { message, content, sha } = request.body;
        const path = withSlashes(request.params.path);
        await withHostOf(git, request, (host) => {
          const edit = { path, message, branch: requiredQuery(request.query, 'ref') };
          const change = { content: plainBase64(content), sha };
          return host.updateFile(repositoryIn(request.params), edit, change);
        });
        return { path };
      },
    );

    app.delete(
      `${base}/:path`,
      {
        config: { permission: 'servicestage:repositoryAuth:modify' },
        schema: {
          operationId: 'DeleteFile',
          summary: 'Queries ref, message and sha are required',
          tags,
          headers,
          params: ofFile,
          response: { 204: NoContent, ...errors },
        },
      },
      async (request, reply) => {
        const query: Readonly<Record<string, unknown>> = Object(request.query);
        await withHostOf(git, request, (host) => {
          const edit = {
            path: withSlashes(request.params.path),
            message: requiredQuery(query, 'message'),
            branch: requiredQuery(query, 'ref'),
          };
          return host.deleteFile(repositoryIn(request.params), edit, requiredQuery(query, 'sha'));
        });
        return reply.code(204).send();
      },
    );
  };
