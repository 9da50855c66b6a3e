import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { Parts } from '../parts.ts';
import { requireProject } from '../session.ts';
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
        await git.register(async (own) => {
          own.addHook('onRequest', requireProject(parts.authenticator));
          for (const routes of [authorizationRoutes, repositoryRoutes, fileRoutes, pushHookRoutes])
            await own.register(routes(parts));
        });
        await git.register(pushRoutes(parts));
      },
      { prefix: '/v1/:project_id/git' },
    );
  };
