import { Readable } from 'node:stream';
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type, type Static } from 'typebox';
import { packageOf, publishPackage, removePackage } from '../actions/packages.ts';
import { Problem } from '../domain/errors.ts';
import type { PackageAddress } from '../domain/package-address.ts';
import { listPackages, type Package } from '../store/packages.ts';
import { originOf } from './identity/origin.ts';
import type { Parts } from './parts.ts';
import { callerOf } from './session.ts';
import { readPaging } from './v2/paging.ts';
import { errors, NoContent, PagingQuery, params } from './v2/schemas/shared.ts';

const Bytes = {
  description: 'the bytes, as they were sent',
  content: { 'application/octet-stream': { schema: Type.Unsafe<Readable>({ type: 'string' }) } },
};

const tags = ['Packages'];
const path = '/packages/:name/:version/:file';
const PART_RULE = '1-128 letters, digits, ., _, + or -, the first a letter, digit or _';
const Part = Type.String({ description: PART_RULE });
const ofPackage = params({ name: Part, version: Part, file: Part });
const PART = /^[A-Za-z0-9_][A-Za-z0-9._+-]{0,127}$/;

const PackageView = Type.Object(
  {
    name: Type.String(),
    version: Type.String(),
    file: Type.String(),
    digest: Type.String({ description: 'SHA-256 in lower-case hex' }),
    size: Type.Integer(),
    url: Type.String({ description: 'what an artifact names to deploy it' }),
  },
  { title: 'Package' },
);
const PackageList = Type.Object(
  { count: Type.Integer(), packages: Type.Array(PackageView) },
  { title: 'PackageList' },
);

/** The package repository: files by name, streamed to and from disk. */
export const packageRoutes =
  (parts: Parts): FastifyPluginAsyncTypebox =>
  async (app) => {
    const { services } = parts;
    const repositoryRoutes: FastifyPluginAsyncTypebox = async (repository) => {
      repository.removeAllContentTypeParsers();
      // The body stays a stream, whatever it says it is.
      repository.addContentTypeParser('*', (_, payload, done) => done(null, payload));

      repository.put(
        path,
        {
          config: { isStreamed: true, permission: 'servicestage:package:create' },
          schema: {
            operationId: 'PutPackage',
            summary: 'Uploads a file; the body is its bytes',
            tags,
            params: ofPackage,
            response: { 200: PackageView, ...errors },
          },
        },
        async (request) => {
          const address = addressIn(request.params);
          refuseTooLarge(request, parts.maxPackageBytes);
          const content = await receive(parts, request);
          await publishPackage(services, callerOf(request), address, content);
          return packageWire(request, { ...address, ...content });
        },
      );

      repository.get(
        '/packages',
        {
          config: { permission: 'servicestage:package:list' },
          schema: {
            operationId: 'ListPackages',
            tags,
            params: params({}),
            querystring: PagingQuery,
            response: { 200: PackageList, ...errors },
          },
        },
        async (request) => {
          const paging = readPaging(request.query, ['name']);
          const { count, items } = await listPackages(services.store.read, callerOf(request).project, paging);
          return { count, packages: items.map((one) => packageWire(request, one)) };
        },
      );

      repository.get(
        path,
        {
          config: { permission: 'servicestage:package:get' },
          schema: {
            operationId: 'GetPackage',
            summary: 'The bytes of a file',
            tags,
            params: ofPackage,
            response: { 200: Bytes, ...errors },
          },
          exposeHeadRoute: false,
        },
        async (request, reply) => {
          const found = await packageOf(services.store.read, callerOf(request), addressIn(request.params));
          const stream = await parts.artifacts.open(found.digest);
          return describeFile(reply, found).send(stream);
        },
      );

      repository.head(
        path,
        { config: { permission: 'servicestage:package:get' }, schema: { hide: true, params: ofPackage } },
        async (request, reply) => {
          const found = await packageOf(services.store.read, callerOf(request), addressIn(request.params));
          return describeFile(reply, found).send();
        },
      );

      repository.delete(
        path,
        {
          config: { permission: 'servicestage:package:delete' },
          schema: {
            operationId: 'DeletePackage',
            tags,
            params: ofPackage,
            response: { 204: NoContent, ...errors },
          },
        },
        async (request, reply) => {
          await removePackage(services, callerOf(request), addressIn(request.params));
          return reply.code(204).send();
        },
      );
    };
    await app.register(repositoryRoutes, { prefix: '/v1/:project_id' });
  };

/** Nothing that could leave a directory, or be an option to a program that is given the name. */
function addressIn(sent: PackageAddress): PackageAddress {
  const { name, version, file } = sent;
  for (const [part, text] of Object.entries({ name, version, file })) {
    if (PART.test(text)) continue;
    throw new Problem(
      'invalid',
      `The package's ${part} is ${JSON.stringify(text.slice(0, 60))}; expected ${PART_RULE}.`,
    );
  }
  return { name, version, file };
}

function refuseTooLarge(request: FastifyRequest, maxBytes: number): void {
  const announced = Number(request.headers['content-length'] ?? 0);
  if (announced <= maxBytes) return;
  throw new Problem('tooLarge', `The package has ${announced} bytes; expected at most ${maxBytes}.`);
}

async function receive({ artifacts, maxPackageBytes }: Parts, request: FastifyRequest) {
  const { body, raw } = request;
  if (!(body instanceof Readable)) {
    throw empty();
  }
  try {
    return await artifacts.put(notEmpty(body), { maxBytes: maxPackageBytes });
  } catch (error) {
    if (raw.destroyed && !raw.complete && !(error instanceof Problem)) {
      throw new Problem(
        'malformedRequest',
        'The upload ended before its announced length; send it again.',
        {},
        { cause: error },
      );
    }
    throw error;
  }
}

/** The stream stays open when reading stops early, so that the request can still be answered. */
async function* notEmpty(body: Readable): AsyncGenerator<Uint8Array> {
  let isEmpty = true;
  for await (const chunk of body.iterator({ destroyOnReturn: false })) {
    isEmpty = false;
    yield chunk;
  }
  if (isEmpty) throw empty();
}

const empty = () => new Problem('invalid', 'The body is empty; expected the bytes of a package.');

function packageWire(
  request: FastifyRequest,
  { name, version, file, digest, size }: Pick<Package, 'name' | 'version' | 'file' | 'digest' | 'size'>,
): Static<typeof PackageView> {
  const url = `${originOf(request)}/v1/${callerOf(request).project}/packages/${[name, version, file].map(encodeURIComponent).join('/')}`;
  return { name, version, file, digest, size, url };
}

function describeFile(reply: FastifyReply, { digest, size, file }: Package): FastifyReply {
  return reply
    .type('application/octet-stream')
    .header('Content-Length', size)
    .header('ETag', `"${digest}"`)
    .header('X-Content-Type-Options', 'nosniff')
    .header('Content-Disposition', `attachment; filename="${file}"`);
}
