import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { Parts } from '../parts.ts';
import { applicationRoutes } from './applications.ts';
import { componentRoutes } from './components.ts';
import { environmentRoutes } from './environments.ts';
import { instanceRoutes } from './instances.ts';
import { jobRoutes } from './jobs.ts';
import { metadataRoutes } from './metadata.ts';

/** Everything below `/v2/{project_id}/cas`, for callers of that project. */
export const v2Routes =
  (parts: Parts): FastifyPluginAsyncTypebox =>
  async (app) => {
    await app.register(
      async (cas) => {
        for (const routes of [
          applicationRoutes,
          componentRoutes,
          instanceRoutes,
          jobRoutes,
          environmentRoutes,
          metadataRoutes,
        ]) {
          await cas.register(routes(parts));
        }
      },
      { prefix: '/v2/:project_id/cas' },
    );
  };
