import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import type { FastifyContextConfig, FastifyInstance, FastifyRequest } from 'fastify';
import { Problem } from '../domain/errors.ts';
import type { Authenticator } from '../iam/authenticate.ts';
import type { HomeOfProjects } from '../iam/home-of-projects.ts';
import { networkOf } from '../iam/source.ts';
import { isSignature, wrongSignature } from '../iam/signed-header.ts';
import { sha256 } from '../iam/signature.ts';
import { EMPTY_BODY, UNSIGNED_PAYLOAD, type Signatures, type Signed } from '../iam/signatures.ts';
import { MAX_BODY_BYTES } from './body.ts';
import { admission, tokenOf } from './session.ts';

/** Of an upload whose body is hashed before it may be used; larger ones go unsigned, or with a token. */
const MAX_SIGNED_UPLOAD_BYTES = 12 * 1024 ** 2;

export interface GuardedRoute {
  readonly method: string;
  readonly url: string;
  readonly permission: FastifyContextConfig['permission'];
}

/**
 * Nobody passes without a token or a signature, but to routes that say they are public. A signature is checked in two
 * halves: the head before a byte of the body is read, and the rest before the body is parsed.
 */
export function addGuard(
  app: FastifyInstance,
  {
    authenticator,
    signatures,
    homes,
  }: {
    readonly authenticator: Authenticator;
    readonly signatures: Signatures;
    readonly homes: HomeOfProjects;
  },
): readonly GuardedRoute[] {
  const routes: GuardedRoute[] = [];
  app.addHook('onRoute', ({ method, url, config }) => {
    for (const one of [method].flat()) routes.push({ method: one, url, permission: config?.permission });
  });
  const admit = admission(homes);
  const begun = new WeakMap<FastifyRequest, Signed>();

  app.addHook('onRequest', async (request) => {
    if (request.routeOptions.config.permission === 'public') return;
    const { authorization = '' } = request.headers;
    const token = tokenOf(request);
    if (request.routeOptions.config.mayHoldToken === true && authorization === '') return;
    if (!isSignature(authorization)) {
      if (authorization !== '' && token === undefined) throw otherScheme(authorization);
      return admit(request, await authenticator.authenticate(token));
    }
    const signed = await signatures.begin({
      method: request.method,
      url: request.raw.url ?? '',
      authorization,
      headers: headersOf(request),
      source: networkOf(request.ip),
    });
    if (hasBody(request)) begun.set(request, signed);
    else await admit(request, signed.prove(EMPTY_BODY));
  });

  app.addHook('preParsing', async (request, _, payload) => {
    const signed = begun.get(request);
    if (!signed) return payload;
    const isStreamed = request.routeOptions.config.isStreamed === true;
    if (isStreamed && signed.declared !== undefined) {
      await admit(request, signed.prove());
      if (signed.declared === UNSIGNED_PAYLOAD) return payload;
      return Readable.from(hashed(payload, signed.declared), { objectMode: false });
    }
    const body = await collected(payload, isStreamed ? MAX_SIGNED_UPLOAD_BYTES : MAX_BODY_BYTES);
    await admit(request, signed.prove(sha256(body)));
    return Readable.from([body], { objectMode: false });
  });

  app.addHook('preValidation', async (request) => {
    const { config } = request.routeOptions;
    if (config.mayHoldToken !== true || request.headers.authorization) return;
    await admit(request, await authenticator.authenticate(tokenInBody(request.body) ?? tokenOf(request)));
  });
  return routes;
}

function tokenInBody(body: unknown): string | undefined {
  const token = ['auth', 'identity', 'token', 'id'].reduce(memberOf, body);
  return typeof token === 'string' && token !== '' ? token : undefined;
}

const memberOf = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;

const otherScheme = (authorization: string) =>
  wrongSignature(
    `x-auth-token not found, and Authorization is of the scheme "${authorization.split(' ')[0]?.slice(0, 40)}"; expected SDK-HMAC-SHA256, V11-HMAC-SHA256 or the header X-Auth-Token.`,
  );

const hasBody = ({ headers }: FastifyRequest) =>
  headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0';

function headersOf({ headers }: FastifyRequest): Readonly<Record<string, string | undefined>> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : value]),
  );
}

async function collected(payload: AsyncIterable<Buffer>, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of payload) {
    bytes += chunk.length;
    if (bytes > maxBytes) {
      throw new Problem(
        'tooLarge',
        `The signed body is over ${maxBytes} bytes, which is the most that is taken.`,
      );
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Passes the bytes on, and fails at the end if they are not those that were signed. Nothing is read before it is asked for. */
async function* hashed(payload: Readable, declared: string): AsyncGenerator<Buffer> {
  const hash = createHash('sha256');
  for await (const chunk of payload.iterator({ destroyOnReturn: false })) {
    hash.update(chunk);
    yield chunk;
  }
  if (hash.digest('hex') === declared.toLowerCase()) return;
  throw wrongSignature('verify aksk signature fail, the body is not the one that was signed.');
}
