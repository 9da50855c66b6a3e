import fastify, {
  LogController,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify';
import { Problem } from '../domain/errors.ts';
import { Attempts } from '../iam/attempts.ts';
import { Authenticator } from '../iam/authenticate.ts';
import { HomeOfProjects } from '../iam/home-of-projects.ts';
import { KeyLocks } from '../iam/key-locks.ts';
import { KeyRing } from '../iam/key-ring.ts';
import { KeySignIn } from '../iam/key-sign-in.ts';
import { SignIn, TooManyAttempts } from '../iam/sign-in.ts';
import { Signatures } from '../iam/signatures.ts';
import { addAudit, auditedStore } from './audit.ts';
import { MAX_BODY_BYTES, parseBody } from './body.ts';
import { addDocs } from './docs.ts';
import { errorBody, isIdentityPath, RETRY_AFTER_S, wireOf } from './errors.ts';
import { gitRoutes } from './git/routes.ts';
import { addGuard, type GuardedRoute } from './guard.ts';
import { healthRoutes } from './health.ts';
import { identityRoutes } from './identity/routes.ts';
import { drain, limitBodyTime, listen, makeListener, newRequestId, track } from './listeners.ts';
import { addOpenApi } from './openapi.ts';
import { packageRoutes } from './packages.ts';
import type { ApiSettings, Parts } from './parts.ts';
import { addRoom } from './room.ts';
import { quotaRoutes } from './quotas.ts';
import { identifiedBy } from './session.ts';
import { v2Routes } from './v2/routes.ts';
import { validatorCompiler } from './validation.ts';

/** Addresses name five ids at most; longer ones are mistakes. */
const MAX_URL_BYTES = 8 * 1024;
const MAX_PARAM_BYTES = 1024;
/** For JSON bodies, which are at most MAX_BODY_BYTES. */
const BODY_MS = 15_000;

export interface Api {
  readonly app: FastifyInstance;
  /** Every route that there is, with what its callers must be allowed to do. */
  readonly routes: readonly GuardedRoute[];
  /** Takes requests on both ports and tells which they are. */
  listen(): Promise<{ readonly httpPort: number; readonly httpsPort: number }>;
  /** Refuses new requests with 503, lets those under way end, and closes both ports. */
  close(): Promise<void>;
}

/** One application behind two listeners. */
export async function createApi(settings: ApiSettings): Promise<Api> {
  const { bind, log } = settings;
  const services = { ...settings.services, store: auditedStore(settings.services.store, settings.services) };
  const authenticator = new Authenticator(services);
  const keys = new KeyRing(services);
  const locks = new KeyLocks(() => performance.now());
  const keySignIn = new KeySignIn({ keys, locks, now: services.now });
  const attempts = new Attempts(() => performance.now());
  const parts: Parts = {
    ...settings,
    services,
    authenticator,
    signIn: new SignIn(services, { attempts, authenticator, keys: keySignIn }),
    forgetSessions() {
      authenticator.forget();
      keys.forget();
    },
    knownRuntimes: remembered(settings.runtimes),
  };
  let isStopping = false;

  const app = fastify({
    loggerInstance: log,
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: newRequestId,
    bodyLimit: MAX_BODY_BYTES,
    requestIdHeader: false,
    return503OnClosing: false,
    routerOptions: {
      ignoreTrailingSlash: true,
      ignoreDuplicateSlashes: true,
      maxParamLength: MAX_PARAM_BYTES,
    },
    frameworkErrors: (error, request, reply) => {
      answerError(error, request, reply);
    },
  });

  app.setValidatorCompiler(validatorCompiler);
  // Handlers' answers are typed by their schemas, and tests hold them to these; a second filter would hide mistakes.
  app.setSerializerCompiler(() => (answer) => JSON.stringify(answer));
  app.setErrorHandler(answerError);
  app.setNotFoundHandler((request, reply) => {
    answerError(routeUnknown(request), request, reply);
  });
  takeJson(app);

  app.addHook('onRequest', async (request, reply) => {
    // Set on the raw answer, which keeps the spelling that scripts look for.
    reply.raw.setHeader('X-Request-Id', request.id);
    if (isIdentityPath(request.url)) reply.raw.setHeader('X-IAM-Trace-Id', request.id);
    if (isStopping) {
      reply.raw.setHeader('Connection', 'close');
      throw new Problem('unavailable', 'The platform is stopping; repeat the request in a moment.');
    }
    if (request.routeOptions.config.isStreamed !== true) limitBodyTime(request.raw, BODY_MS);
    checkHead(request);
    // Before its body is read.
    if (request.is404) throw routeUnknown(request);
  });
  app.addHook('onResponse', async (request, reply) => {
    const { method, id } = request;
    const url = request.url.replace(/\?.*/s, '');
    const session = identifiedBy(request)?.session;
    const who = { user: session?.user, key: session?.access, source: request.ip };
    log.info(
      { request: id, method, url, status: reply.statusCode, ms: Math.round(reply.elapsedTime), ...who },
      'answered',
    );
  });

  const signatures = new Signatures({ keys, locks, now: services.now });
  const homes = new HomeOfProjects(services.store);
  const routes = addGuard(app, { authenticator, signatures, homes });
  addRoom(app, settings.whyNoRoom);
  addAudit(app, settings.services.store, services);

  await addOpenApi(app, settings.version);
  await addDocs(app);
  await app.register(healthRoutes(parts));
  await app.register(identityRoutes(parts));
  await app.register(v2Routes(parts));
  await app.register(gitRoutes(parts));
  await app.register(packageRoutes(parts));
  await app.register(quotaRoutes(parts));
  await app.ready();

  const handler: Parameters<typeof makeListener>[0] = (request, response) => {
    track(request, response);
    app.routing(request, response);
  };
  const http = makeListener(handler);
  const https = makeListener(handler, settings.tls);
  return {
    app,
    routes,
    async listen() {
      const [plain, secure] = await Promise.all([
        listen(http, settings.httpPort, bind),
        listen(https, settings.httpsPort, bind),
      ]);
      return { httpPort: plain.port, httpsPort: secure.port };
    },
    async close() {
      isStopping = true;
      await Promise.all([drain(http), drain(https)]);
      await app.close();
    },
  };
}

/** The first answer, kept; a failure is not. */
function remembered<T>(ask: () => Promise<T>): () => Promise<T> {
  let known: Promise<T> | undefined;
  return () => {
    known ??= ask().catch((error: unknown) => {
      known = undefined;
      throw error;
    });
    return known;
  };
}

/** JSON whatever the label of its charset; a body without a type is taken as JSON too. */
function takeJson(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, async (request: FastifyRequest, bytes: Buffer) => {
    const type = request.headers['content-type'] ?? '';
    if (bytes.length > 0 && type !== '' && !/^\s*application\/(json|[\w.+-]+\+json)\s*(;|$)/i.test(type)) {
      throw new Problem(
        'malformedRequest',
        `Content-Type "${type.slice(0, 60)}" is not taken; expected application/json.`,
      );
    }
    return parseBody(bytes);
  });
}

function checkHead(request: FastifyRequest): void {
  if (request.url.length > MAX_URL_BYTES) {
    throw new Problem(
      'uriTooLong',
      `The address is ${request.url.length} bytes long; expected at most ${MAX_URL_BYTES}.`,
    );
  }
  if (request.raw.httpVersion === '1.1' && request.headers.host === undefined) {
    throw new Problem('malformedRequest', 'The header Host is missing; HTTP/1.1 asks for it.');
  }
  for (const [name, value] of [...entries(request.params), ...entries(request.query)]) {
    if (/[\0-\x1f]/.test(String(value))) {
      throw new Problem(
        'invalid',
        `"${name.slice(0, 60)}" in the address holds a control character; expected an id or a number.`,
      );
    }
  }
}

function routeUnknown({ method, url }: FastifyRequest): Problem {
  const what = `${method} ${url.slice(0, 200).replace(/\?.*/s, '')}`;
  return new Problem(
    'routeUnknown',
    `The API does not exist or has not been published in the environment: ${what}.`,
  );
}

const entries = (value: unknown): [string, unknown][] =>
  typeof value === 'object' && value !== null ? Object.entries(value) : [];

function answerError(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const problem = asProblem(error);
  const wire = wireOf(problem, request.url);
  if (wire.status === 401 || wire.status === 403) {
    // The first line alone: what follows it repeats the request.
    const reason = problem instanceof Problem ? problem.message.split('\n')[0] : undefined;
    request.log.info({ request: request.id, source: request.ip, reason }, 'refused');
  }
  if (wire.status >= 500) {
    request.log.error({ err: error, request: request.id, method: request.method }, 'a request failed');
  }
  const message =
    problem instanceof Problem
      ? problem.message
      : `Internal error; the platform's log tells more under request ${request.id}.`;
  reply.raw.setHeader('X-Request-Id', request.id);
  // The rest of a refused body is read and dropped for a while: a client that is cut off may never see the answer.
  if (!request.raw.complete) {
    limitBodyTime(request.raw, BODY_MS);
    request.raw.resume();
    reply.removeHeader('connection');
  }
  if (problem instanceof TooManyAttempts) reply.header('Retry-After', problem.waitS);
  else if (wire.status === 503) reply.header('Retry-After', RETRY_AFTER_S);
  void reply
    .code(wire.status)
    .type('application/json; charset=utf-8')
    .send(JSON.stringify(errorBody(wire, message, request.id, request.url)));
}

/** What the framework refuses is one of the taxonomy too. */
function asProblem(error: unknown): unknown {
  if (error instanceof Problem) return error;
  const status = error instanceof Error && 'statusCode' in error ? error.statusCode : undefined;
  if (typeof status !== 'number' || status < 400 || status >= 500) return error;
  if (status === 413)
    return new Problem(
      'tooLarge',
      `The body is too large; expected at most ${MAX_BODY_BYTES} bytes of JSON.`,
    );
  if (status === 414)
    return new Problem(
      'uriTooLong',
      `A part of the address is over ${MAX_PARAM_BYTES} bytes; expected an id.`,
    );
  return new Problem(
    'malformedRequest',
    `The request cannot be read (${error instanceof Error ? error.message : status}).`,
  );
}
