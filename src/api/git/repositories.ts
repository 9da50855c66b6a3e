import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { createHook, removeHook } from '../../actions/git-hooks.ts';
import { Problem } from '../../domain/errors.ts';
import { repositoryPath } from '../../domain/git.ts';
import type { Project as HostProject } from '../../git/git-host.ts';
import type { Parts } from '../parts.ts';
import { callerOf } from '../session.ts';
import { textOf } from '../v2/paging.ts';
import { Id, NoContent } from '../v2/schemas/shared.ts';
import { authNameOf, repositoryIn, requiredQuery, withHostOf, withSlashes } from './repository.ts';
import * as schemas from './schemas.ts';

const { errors, ofRepository, params } = schemas;
const tags = ['Git'];
const headers = schemas.AuthHeader;
const base = '/repos/:namespace/:project';

const projectWire = ({ id, name, cloneUrl }: HostProject) => ({ id, name, clone_url: cloneUrl });

export const repositoryRoutes =
  ({ git }: Parts): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.get(
      '/repos/namespaces',
      {
        config: { permission: 'servicestage:repositoryAuth:get' },
        schema: {
          operationId: 'ListNamespaces',
          tags,
          headers,
          params: params({}),
          response: { 200: schemas.NamespaceList, ...errors },
        },
      },
      async (request) => ({
        namespaces: [...(await withHostOf(git, request, (host) => host.namespaces()))],
      }),
    );

    app.get(
      '/repos/project-info',
      {
        config: { permission: 'servicestage:repositoryAuth:get' },
        schema: {
          operationId: 'ShowProjectDetail',
          summary: 'Finds a repository by the address that it is cloned from',
          tags,
          headers,
          params: params({}),
          response: { 200: schemas.ProjectDetail, ...errors },
        },
      },
      async (request) =>
        withHostOf(git, request, async (host, authorization) => {
          const cloneUrl = requiredQuery(Object(request.query), 'clone_url');
          const path = repositoryPath(authorization.host, cloneUrl);
          if (path === undefined) {
            throw new Problem(
              'gitCloneUrlInvalid',
              `clone_url is not the address of a repository on ${authorization.host}, where the authorization "${authorization.name}" is good; expected such as ${authorization.host}/shop/cart.git.`,
            );
          }
          const { namespace, project } = await host.findProject(path);
          return {
            namespace_id: namespace.id,
            namespace: namespace.name,
            project_id: project.id,
            project: project.name,
          };
        }),
    );

    const ofNamespace = params({ namespace: Id });
    app.get(
      '/repos/:namespace/projects',
      {
        config: { permission: 'servicestage:repositoryAuth:get' },
        schema: {
          operationId: 'ListProjects',
          tags,
          headers,
          params: ofNamespace,
          response: { 200: schemas.ProjectList, ...errors },
        },
      },
      async (request) => {
        const namespace = withSlashes(request.params.namespace);
        const found = await withHostOf(git, request, (host) => host.projects(namespace));
        return { projects: found.map(projectWire) };
      },
    );

    app.post(
      '/repos/:namespace/projects',
      {
        config: { permission: 'servicestage:repositoryAuth:modify' },
        schema: {
          operationId: 'CreateProject',
          tags,
          headers,
          params: ofNamespace,
          body: schemas.ProjectCreate,
          response: { 200: schemas.Project, ...errors },
        },
      },
      async (request) => {
        const namespace = withSlashes(request.params.namespace);
        return projectWire(
          await withHostOf(git, request, (host) => host.createProject(namespace, request.body.name)),
        );
      },
    );

    app.get(
      `${base}/branches`,
      {
        config: { permission: 'servicestage:repositoryAuth:get' },
        schema: {
          operationId: 'ListBranches',
          tags,
          headers,
          params: ofRepository,
          response: { 200: schemas.BranchList, ...errors },
        },
      },
      async (request) => {
        const repository = repositoryIn(request.params);
        return { branches: [...(await withHostOf(git, request, (host) => host.branches(repository)))] };
      },
    );

    app.get(
      `${base}/tags`,
      {
        config: { permission: 'servicestage:repositoryAuth:get' },
        schema: {
          operationId: 'ListTags',
          tags,
          headers,
          params: ofRepository,
          response: { 200: schemas.TagList, ...errors },
        },
      },
      async (request) => {
        const repository = repositoryIn(request.params);
        return { tags: [...(await withHostOf(git, request, (host) => host.tags(repository)))] };
      },
    );

    app.post(
      `${base}/tags`,
      {
        config: { permission: 'servicestage:repositoryAuth:modify' },
        schema: {
          operationId: 'CreateTag',
          tags,
          headers,
          params: ofRepository,
          querystring: schemas.RefQuery,
          body: schemas.TagCreate,
          response: { 200: schemas.Tag, ...errors },
        },
      },
      async (request) => {
        const { name, description = '' } = request.body;
        await withHostOf(git, request, (host) => {
          const tag = { name, description, ref: requiredQuery(request.query, 'ref') };
          return host.createTag(repositoryIn(request.params), tag);
        });
        return { name };
      },
    );

    app.delete(
      `${base}/tags/:tag_name`,
      {
        config: { permission: 'servicestage:repositoryAuth:modify' },
        schema: {
          operationId: 'DeleteTag',
          tags,
          headers,
          params: params({ namespace: Id, project: Id, tag_name: Id }),
          response: { 204: NoContent, ...errors },
        },
      },
      async (request, reply) => {
        const name = withSlashes(request.params.tag_name);
        await withHostOf(git, request, (host) => host.deleteTag(repositoryIn(request.params), name));
        return reply.code(204).send();
      },
    );

    app.get(
      `${base}/commits`,
      {
        config: { permission: 'servicestage:repositoryAuth:get' },
        schema: {
          operationId: 'ListCommits',
          summary: 'The newest hundred of a branch, a tag or the default branch',
          tags,
          headers,
          params: ofRepository,
          querystring: schemas.RefQuery,
          response: { 200: schemas.CommitList, ...errors },
        },
      },
      async (request) => {
        const ref = textOf(request.query, 'ref')?.trim() ?? '';
        const found = await withHostOf(git, request, (host) =>
          host.commits(repositoryIn(request.params), ref === '' ? undefined : ref),
        );
        return {
          commits: found.map(({ sha, message, authoredDate }) => ({
            sha,
            message,
            authored_date: authoredDate,
          })),
        };
      },
    );

    app.get(
      `${base}/hooks`,
      {
        config: { permission: 'servicestage:repositoryAuth:get' },
        schema: {
          operationId: 'ListHooks',
          tags,
          headers,
          params: ofRepository,
          response: { 200: schemas.HookList, ...errors },
        },
      },
      async (request) =>
        withHostOf(git, request, async (host, { repoType }) => {
          const found = await host.hooks(repositoryIn(request.params));
          return {
            hooks: found.map(({ id, callbackUrl }) => ({ id, type: repoType, callback_url: callbackUrl })),
          };
        }),
    );

    app.post(
      `${base}/hooks`,
      {
        config: { permission: 'servicestage:repositoryAuth:modify' },
        schema: {
          operationId: 'CreateHook',
          summary:
            'Has the host announce pushes to a URL; one below /v1/{project_id}/git/push/ is this platform, which then upgrades what is built from the repository',
          tags,
          headers,
          params: ofRepository,
          body: schemas.HookCreate,
          response: { 200: schemas.Hook, ...errors },
        },
      },
      async (request) => {
        const { url, secret } = request.body;
        const { hook, type } = await createHook(git, callerOf(request), {
          authorization: authNameOf(request),
          repository: repositoryIn(request.params),
          url,
          secret,
        });
        return { id: hook.id, type, callback_url: hook.callbackUrl };
      },
    );

    app.delete(
      `${base}/hooks/:hook_id`,
      {
        config: { permission: 'servicestage:repositoryAuth:modify' },
        schema: {
          operationId: 'DeleteHook',
          tags,
          headers,
          params: params({ namespace: Id, project: Id, hook_id: Id }),
          response: { 204: NoContent, ...errors },
        },
      },
      async (request, reply) => {
        await removeHook(git, callerOf(request), {
          authorization: authNameOf(request),
          repository: repositoryIn(request.params),
          id: request.params.hook_id,
        });
        return reply.code(204).send();
      },
    );
  };
