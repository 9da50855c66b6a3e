import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import {
  createConsentedAuthorization,
  createPasswordAuthorization,
  createPersonalAuthorization,
  removeAuthorization,
  requestConsent,
} from '../../actions/git-authorizations.ts';
import { Problem } from '../../domain/errors.ts';
import { MOST_RECORDS } from '../../git/git-host.ts';
import { listGitAuthorizations, type GitAuthorization } from '../../store/git-authorizations.ts';
import type { Parts } from '../parts.ts';
import { callerOf } from '../session.ts';
import { textOf } from '../v2/paging.ts';
import { Id, NoContent } from '../v2/schemas/shared.ts';
import {
  AuthorizationList,
  AuthorizationResult,
  errors,
  OAuthCreate,
  ofType,
  params,
  PasswordAuthCreate,
  PersonalAuthCreate,
  RedirectUrl,
  TagQuery,
  type AuthorizationWire,
} from './schemas.ts';

const tags = ['Git'];

export const authorizationRoutes =
  ({ git }: Parts): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.get(
      '/auths',
      {
        config: { permission: 'servicestage:repositoryAuth:list' },
        schema: {
          operationId: 'ListAuthorizations',
          tags,
          params: params({}),
          response: { 200: AuthorizationList, ...errors },
        },
      },
      async (request) => {
        const { project } = callerOf(request);
        const found = await listGitAuthorizations(git.store.read, project, MOST_RECORDS);
        return {
          authorizations: found.map((one) => ({ ...authorizationWire(one), tag: one.tag ?? null })),
          count: found.length,
        };
      },
    );

    app.get(
      '/auths/:repo_type/redirect',
      {
        config: { permission: 'servicestage:repositoryAuth:create' },
        schema: {
          operationId: 'ShowRedirectUrl',
          summary: "Address of the git host's consent page; it leads back with code and state",
          tags,
          params: ofType,
          querystring: TagQuery,
          response: { 200: RedirectUrl, ...errors },
        },
      },
      async (request) => ({
        url: await requestConsent(git, callerOf(request), {
          type: request.params.repo_type,
          ...tagOf(request.query),
        }),
      }),
    );

    app.post(
      '/auths/:repo_type/oauth',
      {
        config: { permission: 'servicestage:repositoryAuth:create' },
        schema: {
          operationId: 'CreateOAuth',
          tags,
          params: ofType,
          querystring: TagQuery,
          body: OAuthCreate,
          response: { 200: AuthorizationResult, ...errors },
        },
      },
      async (request) => {
        const { name, code, state } = request.body;
        const asked = { name, code, state, type: request.params.repo_type, ...tagOf(request.query) };
        const made = await createConsentedAuthorization(git, callerOf(request), asked);
        return { authorization: authorizationWire(made) };
      },
    );

    app.post(
      '/auths/:repo_type/password',
      {
        config: { permission: 'servicestage:repositoryAuth:create' },
        schema: {
          operationId: 'CreatePasswordAuth',
          tags,
          params: ofType,
          body: PasswordAuthCreate,
          response: { 200: AuthorizationResult, ...errors },
        },
      },
      async (request) => {
        const { name, host } = request.body;
        const asked = { name, ...userOf(request.body), ...hostOf(host), type: request.params.repo_type };
        return {
          authorization: authorizationWire(await createPasswordAuthorization(git, callerOf(request), asked)),
        };
      },
    );

    app.post(
      '/auths/:repo_type/personal',
      {
        config: { permission: 'servicestage:repositoryAuth:create' },
        schema: {
          operationId: 'CreatePersonalAuth',
          tags,
          params: ofType,
          body: PersonalAuthCreate,
          response: { 200: AuthorizationResult, ...errors },
        },
      },
      async (request) => {
        const { name, token, host } = request.body;
        const asked = { name, token, ...hostOf(host), type: request.params.repo_type };
        return {
          authorization: authorizationWire(await createPersonalAuthorization(git, callerOf(request), asked)),
        };
      },
    );

    app.delete(
      '/auths/:name',
      {
        config: { permission: 'servicestage:repositoryAuth:delete' },
        schema: {
          operationId: 'DeleteAuthorize',
          tags,
          params: params({ name: Id }),
          response: { 204: NoContent, ...errors },
        },
      },
      async (request, reply) => {
        await removeAuthorization(git, callerOf(request), request.params.name);
        return reply.code(204).send();
      },
    );
  };

function authorizationWire(one: GitAuthorization): AuthorizationWire {
  return {
    name: one.name,
    repo_type: one.repoType,
    repo_host: one.host,
    repo_home: one.home,
    repo_user: one.userName,
    avartar: one.avatar,
    token_type: one.tokenType,
    create_time: one.createTime,
    update_time: one.updateTime,
    status: one.status,
  };
}

/** Clients send an empty text where nothing was set. */
const hostOf = (host: string | undefined) =>
  host === undefined || host.trim() === '' ? {} : { host: host.trim() };

function tagOf(query: Readonly<Record<string, unknown>>): { readonly tag?: string } {
  const tag = textOf(query, 'tag') ?? '';
  if (tag.length > 64)
    throw new Problem('gitInvalid', `Query "tag" has ${tag.length} characters; expected at most 64.`);
  return tag === '' ? {} : { tag };
}

/** Two clients, two forms. */
function userOf(body: { readonly user?: string; readonly password?: string; readonly token?: string }): {
  readonly user: string;
  readonly password: string;
} {
  const { user, password, token } = body;
  if (user !== undefined && password !== undefined) return { user, password };
  const pair = Buffer.from(token ?? '', 'base64').toString('utf8');
  const [, first, rest] = /^([^:]+):([\s\S]+)$/.exec(pair) ?? [];
  if (first !== undefined && rest !== undefined) return { user: first, password: rest };
  throw new Problem(
    'gitInvalid',
    token === undefined
      ? 'The body holds neither user and password nor token; expected the former, or token with base64 of user:password.'
      : 'Field "token" is not base64 of user:password; expected that, or user and password.',
  );
}
