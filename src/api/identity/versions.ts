import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { originOf } from './origin.ts';
import { ApiVersions } from './schemas/place.ts';

const security: [] = [];

/** Asked by libraries whose address does not end in /v3: which versions of the identity service there are. */
export const versionRoutes = (): FastifyPluginAsyncTypebox => async (app) => {
  for (const path of ['/', '/v3']) {
    app.get(
      path,
      {
        config: { permission: 'public' },
        schema: {
          operationId: path === '/' ? 'ListIamVersions' : 'ShowIamVersion',
          tags: ['Identity'],
          security,
          response: { 200: ApiVersions },
        },
      },
      async (request) => {
        const version = {
          id: 'v3.6',
          status: 'stable',
          updated: '2016-04-04T00:00:00Z',
          links: [{ rel: 'self', href: `${originOf(request)}/v3/` }],
        };
        return { versions: { values: [version] }, ...(path === '/v3' && { version }) };
      },
    );
  }
};
