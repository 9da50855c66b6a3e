import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { whatHolds, type HostFenceSeen } from '../domain/fences.ts';
import { Problem } from '../domain/errors.ts';
import type { Parts } from './parts.ts';
import { errors } from './v2/schemas/shared.ts';

const Health = Type.Object({ status: Type.Literal('ok') }, { title: 'Health' });
const FenceOfHost = Type.Object(
  {
    name: Type.String(),
    holds: Type.String(),
    in_force: Type.Boolean(),
    lack: Type.Optional(Type.String({ description: 'why it is missing' })),
  },
  { title: 'Fence' },
);
const Ready = Type.Object(
  {
    status: Type.Literal('ok'),
    fences: Type.Optional(
      Type.Array(FenceOfHost, { description: 'with "verbose": what holds applications apart on this host' }),
    ),
  },
  { title: 'Readiness' },
);
const Version = Type.Object(
  { name: Type.String(), version: Type.String(), region: Type.String() },
  { title: 'Version' },
);

const tags = ['Platform'];
const security: [] = [];

const wireOf = ({ fence, lack }: HostFenceSeen) => ({
  name: fence,
  holds: whatHolds(fence),
  in_force: lack === undefined,
  ...(lack !== undefined && { lack }),
});

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
          querystring: Type.Object({
            verbose: Type.Optional(Type.String({ description: 'also the fences of this host' })),
          }),
          response: { 200: Ready, 400: errors[400], 503: errors[503] },
        },
      },
      async ({ query }) => {
        const reason = await parts.notReady();
        if (reason !== undefined) throw new Problem('unavailable', reason);
        const status = 'ok' as const;
        return query.verbose === undefined ? { status } : { status, fences: parts.fences().map(wireOf) };
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
