import { AsyncLocalStorage } from 'node:async_hooks';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { jobId, userId, type UserId } from '../domain/ids.ts';
import { insertAudit, type AuditEntry } from '../store/audit.ts';
import type { Store } from '../store/open.ts';
import { identifiedBy } from './session.ts';

/** A request under way that changes something. */
interface Change {
  readonly request: FastifyRequest;
  isWritten: boolean;
}

interface Clock {
  readonly now: () => number;
  readonly newId: () => string;
}

const underWay = new AsyncLocalStorage<Change>();
/** Who signed in by a request that nobody had to be signed in for. */
const signedIn = new WeakMap<FastifyRequest, UserId>();

export function auditSignIn(request: FastifyRequest, user: string): void {
  signedIn.set(request, userId(user));
}

const changing = new Set(['POST', 'PUT', 'PATCH', 'DELETE']);

/**
 * The store as requests use it: the first transaction of a request that changes something also writes who did what,
 * so that no action can forget it, and none is told of that did not happen.
 */
export function auditedStore(store: Store, clock: Clock): Store {
  return {
    read: store.read,
    check: () => store.check(),
    keepReserve: () => store.keepReserve(),
    close: () => store.close(),
    write(work) {
      const change = underWay.getStore();
      // Of a sign-in nobody is known before it is proven.
      if (!change || change.isWritten || !identifiedBy(change.request)) return store.write(work);
      change.isWritten = true;
      return store
        .write(async (tx) => {
          const result = await work(tx);
          const entry = entryOf(change.request, clock, result);
          if (entry) await insertAudit(tx, entry);
          return result;
        })
        .catch((error: unknown) => {
          change.isWritten = false;
          throw error;
        });
    },
  };
}

/** Changes that write nothing here, such as those of another host's repository, get their line before the answer. */
export function addAudit(app: FastifyInstance, store: Store, clock: Clock): void {
  const changes = new WeakMap<FastifyRequest, Change>();
  app.addHook('preHandler', (request, _, done) => {
    if (!changing.has(request.method)) return done();
    const change = { request, isWritten: false };
    changes.set(request, change);
    underWay.run(change, done);
  });
  app.addHook('onSend', async (request, reply, payload) => {
    const change = changes.get(request);
    if (change && !change.isWritten && reply.statusCode < 400) {
      const entry = entryOf(request, clock, undefined);
      if (entry) await store.write((tx) => insertAudit(tx, entry));
      change.isWritten = true;
    }
    return payload;
  });
}

/** Undefined: nobody is known yet whom it could be told of. */
function entryOf(request: FastifyRequest, { now, newId }: Clock, result: unknown): AuditEntry | undefined {
  const known = identifiedBy(request);
  const user = known?.session.user ?? signedIn.get(request);
  if (user === undefined) return undefined;
  const { project, session } = known ?? {};
  const path = request.url.replace(/\?.*/s, '');
  const made = request.method === 'POST' ? (textIn(result, 'id') ?? textIn(result, 'instance')) : undefined;
  const job = textIn(result, 'job');
  return {
    id: newId(),
    user,
    action: request.routeOptions.schema?.operationId ?? `${request.method} ${request.routeOptions.url ?? ''}`,
    object: made === undefined ? path : `${path}/${made}`,
    request: request.id,
    time: now(),
    source: request.ip,
    ...(project !== undefined && { project }),
    ...(job !== undefined && { job: jobId(job) }),
    ...(session?.access !== undefined && { credential: session.access }),
  };
}

function textIn(value: unknown, name: string): string | undefined {
  const member: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
  return typeof member === 'string' ? member : undefined;
}
