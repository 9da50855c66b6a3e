import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { Parts } from '../parts.ts';
import { authorizationRoutes } from './authorizations.ts';
import { fileRoutes } from './files.ts';
import { pushHookRoutes, pushRoutes } from './push.ts';
import { repositoryRoutes } from './repositories.ts';

/** Everything below `/v1/{project_id}/git`: for callers of that project, but for deliveries of git hosts. */
export const gitRoutes =
  (parts: Parts): FastifyPluginAsyncTypebox =>
  async (app) => {
    await app.register(
      async (git) => {
        for (const routes of [
          authorizationRoutes,
          repositoryRoutes,
          fileRoutes,
          pushHookRoutes,
          // Takes bodies in a way of its own, and so is a plugin of its own.
          pushRoutes,
        ]) {
          await git.register(routes(parts));
        }
      },
      { prefix: '/v1/:project_id/git' },
    );
  };
