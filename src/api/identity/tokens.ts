import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { isAllowed, rolesIn } from '../../domain/permission.ts';
import { ScopeUnknown } from '../../iam/sign-in.ts';
import { findDomain, findProject } from '../../store/projects.ts';
import { auditSignIn } from '../audit.ts';
import type { Parts } from '../parts.ts';
import { sessionOf, sourceIn, tokenOf } from '../session.ts';
import { textOf } from '../v2/paging.ts';
import { NoContent } from '../v2/schemas/shared.ts';
import { catalogWire } from './catalog-wire.ts';
import { originOf } from './origin.ts';
import { keystoneErrors } from './schemas/shared.ts';
import { Token, TokenRequest } from './schemas/token.ts';
import { readCredentials, tokenWire } from './token-wire.ts';

const tags = ['Identity'];
const security: [] = [];

const NoCatalog = Type.Object({
  nocatalog: Type.Optional(Type.String({ description: 'any text: the catalog is left out' })),
});

export const tokenRoutes =
  ({ services, authenticator, signIn, region }: Parts): FastifyPluginAsyncTypebox =>
  async (app) => {
    const { read } = services.store;

    const catalogFor = (request: FastifyRequest, project: string | undefined) =>
      (textOf(asQuery(request.query), 'nocatalog') ?? '') === ''
        ? catalogWire(originOf(request), region, project)
        : [];

    app.post(
      '/v3/auth/tokens',
      {
        config: { permission: 'public' },
        schema: {
          operationId: 'CreateToken',
          summary: 'A token for a password, a token or a key; it is in the header X-Subject-Token',
          tags,
          security,
          querystring: NoCatalog,
          body: TokenRequest,
          response: { 201: Token, ...keystoneErrors },
        },
      },
      async (request, reply) => {
        const credentials = readCredentials(request.body, tokenOf(request));
        const signedIn = await signIn.signIn(credentials, sourceIn(request));
        auditSignIn(request, signedIn.user.id);
        giveToken(reply, signedIn.token);
        reply.code(201);
        return tokenWire(signedIn, catalogFor(request, signedIn.project?.id));
      },
    );

    app.get(
      '/v3/auth/tokens',
      {
        config: { permission: 'own' },
        schema: {
          operationId: 'ShowToken',
          summary: 'What the token in X-Subject-Token stands for',
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
        const project = session.project === undefined ? undefined : await findProject(read, session.project);
        giveToken(reply, token);
        const { issueTime, expireTime, methods = ['password'] } = session;
        const facts = {
          user: { id: session.user, name: session.userName },
          domain,
          roles: rolesIn(session.grants, session.project),
          methods,
          issueTime,
          expireTime,
          ...(project && { project }),
        };
        return tokenWire(facts, catalogFor(request, project?.id));
      },
    );

    app.delete(
      '/v3/auth/tokens',
      {
        config: { permission: 'own', endsWithKey: true },
        schema: { operationId: 'DeleteToken', tags, response: { 204: NoContent, ...keystoneErrors } },
      },
      async (request, reply) => {
        const token = tokenOf(request, 'x-subject-token');
        const session = token === undefined ? undefined : await authenticator.find(token);
        const { user, grants } = sessionOf(request);
        const mayEnd = session?.user === user || isAllowed(grants, 'iam:users:updateUser', undefined);
        if (token === undefined || session === undefined || !mayEnd) {
          throw new ScopeUnknown(
            'The token in X-Subject-Token does not exist or is not yours; nothing was ended.',
          );
        }
        await authenticator.end(token);
        return reply.code(204).send();
      },
    );
  };

/** On the raw answer, which keeps the spelling that scripts look for. */
function giveToken(reply: FastifyReply, token: string): void {
  reply.raw.setHeader('X-Subject-Token', token);
}

const asQuery = (query: unknown): Readonly<Record<string, unknown>> =>
  typeof query === 'object' && query !== null ? { ...query } : {};
