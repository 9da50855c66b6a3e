import type { FastifyInstance } from 'fastify';
import { Problem } from '../domain/errors.ts';

const GROWING: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH']);

/**
 * On a full disk nothing is taken that would grow: what room is left is for signing in and for what may free it. Before
 * the body is read, and after it is known who asks.
 */
export function addRoom(app: FastifyInstance, whyNoRoom: () => Promise<string | undefined>): void {
  app.addHook('onRequest', async ({ method, routeOptions: { config } }) => {
    const { permission, mayFreeRoom } = config;
    if (!GROWING.has(method) || permission === 'public' || permission === 'own' || mayFreeRoom) return;
    const reason = await whyNoRoom();
    if (reason === undefined) return;
    throw new Problem(
      'unavailable',
      `${reason} Until then only what may free it is accepted: deletions, and actions on instances such as stop.`,
    );
  });
}
