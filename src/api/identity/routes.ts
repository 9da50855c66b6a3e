import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { ScopeUnknown } from '../../iam/sign-in.ts';
import {
  findDomain,
  findProject,
  listProjects,
  type Project as StoredProject,
} from '../../store/projects.ts';
import type { Parts } from '../parts.ts';
import { sessionOf, tokenOf } from '../session.ts';
import { textOf } from '../v2/paging.ts';
import { NoContent } from '../v2/schemas/shared.ts';
import {
  DomainList,
  keystoneErrors,
  ProjectDetail,
  ProjectList,
  RegionList,
  Token,
  TokenRequest,
  type ProjectWire,
  type RegionWire,
} from './schemas.ts';
import { originOf } from './origin.ts';
import { catalogWire, readCredentials, tokenWire } from './token-wire.ts';

const tags = ['Identity'];
const security: [] = [];

const NoCatalog = Type.Object({
  nocatalog: Type.Optional(Type.String({ description: 'any text: the catalog is left out' })),
});

export const identityRoutes =
  (parts: Parts): FastifyPluginAsyncTypebox =>
  async (app) => {
    const { services, authenticator, region } = parts;
    const { read } = services.store;

    app.post(
      '/v3/auth/tokens',
      {
        config: { permission: 'public' },
        schema: {
          operationId: 'CreateToken',
          summary: 'A token for a password; it is in the header X-Subject-Token',
          tags,
          security,
          querystring: NoCatalog,
          body: TokenRequest,
          response: { 201: Token, ...keystoneErrors },
        },
      },
      async (request, reply) => {
        const signedIn = await parts.signIn.signIn(readCredentials(request.body), request.ip);
        giveToken(reply, signedIn.token);
        reply.code(201);
        return tokenWire(signedIn, catalogFor(request, signedIn.project));
      },
    );

    const catalogFor = (request: FastifyRequest, project: StoredProject | undefined) =>
      (textOf(asQuery(request.query), 'nocatalog') ?? '') === ''
        ? catalogWire(originOf(request), region, project)
        : [];

    const forHolders: FastifyPluginAsyncTypebox = async (inner) => {
      inner.get(
        '/v3/auth/tokens',
        {
          config: { permission: 'own' },
          schema: {
            operationId: 'ShowToken',
            tags,
            querystring: NoCatalog,
            response: { 200: Token, ...keystoneErrors },
          },
        },
        async (request, reply) => {
          const token = tokenOf(request, 'x-subject-token');
          const session = token === undefined ? undefined : await authenticator.find(token);
          if (token === undefined || !session || session.expireTime <= services.now()) {
            throw new ScopeUnknown(
              'The token in X-Subject-Token does not exist or has expired; ask for a new one.',
            );
          }
          const domain = await findDomain(read, session.domain);
          if (!domain) throw new Error(`User ${session.user} belongs to a domain that is not stored.`);
          const project =
            session.project === undefined ? undefined : await findProject(read, session.project);
          giveToken(reply, token);
          const user = { id: session.user, name: session.userName };
          const { issueTime, expireTime } = session;
          const facts = { user, domain, issueTime, expireTime, ...(project && { project }) };
          return tokenWire(facts, catalogFor(request, project));
        },
      );

      inner.delete(
        '/v3/auth/tokens',
        {
          config: { permission: 'own' },
          schema: { operationId: 'DeleteToken', tags, response: { 204: NoContent, ...keystoneErrors } },
        },
        async (request, reply) => {
          const token = tokenOf(request, 'x-subject-token');
          const session = token === undefined ? undefined : await authenticator.find(token);
          if (token === undefined || session?.user !== sessionOf(request).user) {
            throw new ScopeUnknown(
              'The token in X-Subject-Token does not exist or is not yours; nothing was ended.',
            );
          }
          await authenticator.end(token);
          return reply.code(204).send();
        },
      );

      for (const path of ['/v3/projects', '/v3/auth/projects']) {
        inner.get(
          path,
          {
            config: { permission: 'own' },
            schema: {
              operationId: path === '/v3/projects' ? 'ListIamProjects' : 'ListAuthProjects',
              tags,
              querystring: Type.Object({
                name: Type.Optional(Type.String({ description: 'of exactly this name' })),
                domain_id: Type.Optional(Type.String()),
              }),
              response: { 200: ProjectList, ...keystoneErrors },
            },
          },
          async (request) => {
            const { domain } = sessionOf(request);
            const name = textOf(request.query, 'name');
            const home = textOf(request.query, 'domain_id');
            const projects = (await listProjects(read, domain)).filter(
              (project) =>
                (name === undefined || project.name === name) && (home === undefined || home === domain),
            );
            const origin = originOf(request);
            return {
              projects: projects.map((one) => projectWire(one, origin)),
              links: linksOf(`${origin}${path}`),
            };
          },
        );
      }

      inner.get(
        '/v3/projects/:id',
        {
          config: { permission: 'own' },
          schema: {
            operationId: 'ShowIamProject',
            tags,
            params: Type.Object({ id: Type.String() }),
            response: { 200: ProjectDetail, ...keystoneErrors },
          },
        },
        async (request) => {
          const project = (await listProjects(read, sessionOf(request).domain)).find(
            ({ id }) => id === request.params.id,
          );
          if (!project)
            throw new ScopeUnknown(
              `There is no project "${request.params.id}"; list the projects to see those there are.`,
            );
          return { project: projectWire(project, originOf(request)) };
        },
      );

      inner.get(
        '/v3/auth/domains',
        {
          config: { permission: 'own' },
          schema: { operationId: 'ListAuthDomains', tags, response: { 200: DomainList, ...keystoneErrors } },
        },
        async (request) => {
          const domain = await findDomain(read, sessionOf(request).domain);
          const self = `${originOf(request)}/v3/auth/domains`;
          const domains = domain
            ? [{ id: domain.id, name: domain.name, description: '', enabled: true, links: { self } }]
            : [];
          return { domains, links: linksOf(self) };
        },
      );

      inner.get(
        '/v3/regions',
        {
          config: { permission: 'own' },
          schema: { operationId: 'ListRegions', tags, response: { 200: RegionList, ...keystoneErrors } },
        },
        async (request) => {
          const self = `${originOf(request)}/v3/regions`;
          return { regions: [regionWire(region, self)], links: linksOf(self) };
        },
      );
    };
    await app.register(forHolders);
  };

/** On the raw answer, which keeps the spelling that scripts look for. */
function giveToken(reply: FastifyReply, token: string): void {
  reply.raw.setHeader('X-Subject-Token', token);
}

const linksOf = (self: string) => ({ self, previous: null, next: null });

const asQuery = (query: unknown): Readonly<Record<string, unknown>> =>
  typeof query === 'object' && query !== null ? { ...query } : {};

const projectWire = (project: StoredProject, origin: string): ProjectWire => ({
  id: project.id,
  name: project.name,
  description: '',
  enabled: true,
  domain_id: project.domain,
  parent_id: project.domain,
  is_domain: false,
  links: { self: `${origin}/v3/projects/${project.id}` },
});

const regionWire = (region: string, list: string): RegionWire => ({
  id: region,
  type: 'public',
  description: '',
  parent_region_id: null,
  links: { self: `${list}/${region}` },
  locales: { 'en-us': region, 'zh-cn': region },
});
