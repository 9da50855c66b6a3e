import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { Problem } from '../domain/errors.ts';
import type { Parts } from './parts.ts';

const Health = Type.Object({ status: Type.Literal('ok') }, { title: 'Health' });
const Version = Type.Object(
  { name: Type.String(), version: Type.String(), region: Type.String() },
  { title: 'Version' },
);

const tags = ['Platform'];
const security: [] = [];

/** For monitors and scripts; they need no token. */
export const healthRoutes =
  (parts: Parts): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.get(
      '/healthz',
      {
        config: { permission: 'public' },
        schema: {
          operationId: 'ShowHealth',
          summary: 'The process lives',
          tags,
          security,
          response: { 200: Health },
        },
      },
      async () => ({ status: 'ok' as const }),
    );
    app.get(
      '/readyz',
      {
        config: { permission: 'public' },
        schema: {
          operationId: 'ShowReadiness',
          summary: 'Requests can be served',
          tags,
          security,
          response: { 200: Health },
        },
      },
      async () => {
        const reason = await parts.notReady();
        if (reason !== undefined) throw new Problem('unavailable', reason);
        return { status: 'ok' as const };
      },
    );
    app.get(
      '/version',
      {
        config: { permission: 'public' },
        schema: {
          operationId: 'ShowVersion',
          summary: 'What runs here',
          tags,
          security,
          response: { 200: Version },
        },
      },
      async () => ({ name: 'openstage', version: parts.version, region: parts.region }),
    );
  };
