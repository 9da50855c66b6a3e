import swagger from '@fastify/swagger';
import type { FastifyInstance } from 'fastify';

type Json = Record<string, unknown>;

/** Serves `/openapi.json`, made of the very schemas that requests are held to. */
export async function addOpenApi(app: FastifyInstance, version: string): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Openstage',
        description: 'Application management, git, identity and packages of an Openstage platform.',
        version,
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      servers: [{ url: '/' }],
      components: {
        securitySchemes: { token: { type: 'apiKey', in: 'header', name: 'X-Auth-Token' } },
      },
      security: [{ token: [] }],
    },
  });
  let document: string | undefined;
  app.get('/openapi.json', { config: { permission: 'public' }, schema: { hide: true } }, async (_, reply) => {
    document ??= JSON.stringify(withNamedSchemas(app.swagger()));
    return reply.type('application/json; charset=utf-8').send(document);
  });
}

/** Schemas with a title are told once, by name, instead of at each place of use. */
export function withNamedSchemas(document: object): Json {
  const schemas: Json = {};
  const replace = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(replace);
    if (!isJson(value)) return value;
    const copy: Json = Object.fromEntries(
      Object.entries(value).map(([key, member]) => [key, replace(member)]),
    );
    const { title } = value;
    if (typeof title !== 'string' || !('type' in value || 'anyOf' in value)) return copy;
    schemas[title] ??= copy;
    return { $ref: `#/components/schemas/${title}` };
  };
  const paths = replace('paths' in document ? document.paths : {});
  const components = 'components' in document && isJson(document.components) ? document.components : {};
  return { ...document, paths, components: { ...components, schemas } };
}

const isJson = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
