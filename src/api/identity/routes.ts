import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { Parts } from '../parts.ts';
import { credentialRoutes } from './credentials.ts';
import { placeRoutes } from './places.ts';
import { projectRoutes } from './projects.ts';
import { roleRoutes } from './roles.ts';
import { securityTokenRoutes } from './security-tokens.ts';
import { tokenRoutes } from './tokens.ts';
import { userRoutes } from './users.ts';
import { versionRoutes } from './versions.ts';

/** The identity service: /v3 as Keystone has it, and /v3.0. */
export const identityRoutes =
  (parts: Parts): FastifyPluginAsyncTypebox =>
  async (app) => {
    for (const routes of [
      versionRoutes,
      tokenRoutes,
      projectRoutes,
      placeRoutes,
      userRoutes,
      roleRoutes,
      credentialRoutes,
      securityTokenRoutes,
    ]) {
      await app.register(routes(parts));
    }
  };
