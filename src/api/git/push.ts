import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { hookOf, receivePush } from '../../actions/receive-push.ts';
import { Problem } from '../../domain/errors.ts';
import { projectId } from '../../domain/ids.ts';
import type { Parts } from '../parts.ts';
import { callerOf } from '../session.ts';
import { Id, nullable, Time } from '../v2/schemas/shared.ts';
import { errors, params } from './schemas.ts';

const tags = ['Git'];
const ofHook = params({ hook_id: Id });

/** Hosts list at most some thousand commits in a delivery. */
const MAX_DELIVERY_BYTES = 10 * 1024 * 1024;
/** Each is held whole until its signature is known. */
const MOST_AT_ONCE = 8;

const Received = Type.Object(
  { instances: Type.Integer({ description: 'how many follow the push' }) },
  { title: 'GitPushReceived' },
);
const PushHook = Type.Object(
  {
    id: Type.String(),
    repository: Type.String(),
    create_time: Time,
    delivery_time: nullable(Time),
    delivery: nullable(Type.String({ description: 'what became of the last delivery' })),
  },
  { title: 'GitPushHook' },
);

/** Where git hosts announce pushes. There is no token: a delivery is signed with the hook's secret. */
export const pushRoutes =
  ({ git, followPushes }: Parts): FastifyPluginAsyncTypebox =>
  async (app) => {
    let receiving = 0;
    app.removeAllContentTypeParsers();
    // Signed are the bytes.
    app.addContentTypeParser(
      '*',
      { parseAs: 'buffer', bodyLimit: MAX_DELIVERY_BYTES },
      async (_: unknown, bytes: Buffer) => bytes,
    );

    app.post(
      '/push/:hook_id',
      {
        config: { permission: 'public' },
        bodyLimit: MAX_DELIVERY_BYTES,
        schema: {
          operationId: 'ReceivePush',
          summary: 'Where a git host announces pushes; signed by the rule of the host',
          tags,
          security: [],
          params: ofHook,
          response: { 200: Received, ...errors },
        },
        onRequest: async (request) => {
          const { project_id: project, hook_id: hook } = request.params;
          await hookOf(git, { project: projectId(project), hook });
          if (receiving >= MOST_AT_ONCE) {
            throw new Problem(
              'throttled',
              `${MOST_AT_ONCE} deliveries are being received at this moment; deliver it again.`,
            );
          }
          receiving += 1;
          request.raw.once('close', () => (receiving -= 1));
        },
      },
      async (request) => {
        const { project_id: project, hook_id: hook } = request.params;
        const instances = await receivePush(git, {
          project: projectId(project),
          hook,
          requestId: request.id,
          headers: request.headers,
          body: Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0),
        });
        if (instances > 0) followPushes();
        return { instances };
      },
    );
  };

/** What became of deliveries, for whoever wonders. */
export const pushHookRoutes =
  ({ git }: Parts): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.get(
      '/push/:hook_id',
      {
        config: { permission: 'servicestage:repositoryAuth:get' },
        schema: {
          operationId: 'ShowPushHook',
          summary: 'What became of the last delivery of a hook that leads here',
          tags,
          params: ofHook,
          response: { 200: PushHook, ...errors },
        },
      },
      async (request) => {
        const hook = await hookOf(git, {
          project: callerOf(request).project,
          hook: request.params.hook_id,
        });
        return {
          id: hook.id,
          repository: `${hook.host}/${hook.path}`,
          create_time: hook.createTime,
          delivery_time: hook.deliveryTime ?? null,
          delivery: hook.delivery ?? null,
        };
      },
    );
  };
