import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { assertOwnOr } from '../../actions/identity-rules.ts';
import { changeUser, createUser, removeUser, userOf, usersOf } from '../../actions/users.ts';
import { Problem } from '../../domain/errors.ts';
import { userId } from '../../domain/ids.ts';
import type { Parts } from '../parts.ts';
import { sessionOf, sourceIn } from '../session.ts';
import { textOf } from '../v2/paging.ts';
import { NoContent } from '../v2/schemas/shared.ts';
import { linksOf } from './links.ts';
import { originOf } from './origin.ts';
import { Id, identityErrors, keystoneErrors } from './schemas/shared.ts';
import {
  FullUserDetail,
  PasswordModify,
  UserCreate,
  UserDetail,
  UserList,
  UserModify,
} from './schemas/user.ts';
import { fullUserWire, readUser, userWire } from './users-wire.ts';

const tags = ['Identity'];
const ofUser = Type.Object({ user_id: Id });

export const userRoutes =
  ({ services, signIn, forgetSessions }: Parts): FastifyPluginAsyncTypebox =>
  async (app) => {
    const { read } = services.store;

    app.get(
      '/v3/users',
      {
        config: { permission: 'own' },
        schema: {
          operationId: 'ListUsers',
          summary: 'All users, for administrators; for others themselves',
          tags,
          querystring: Type.Object({
            name: Type.Optional(Type.String({ description: 'of exactly this name' })),
            domain_id: Type.Optional(Type.String()),
            enabled: Type.Optional(Type.String({ description: 'true or false' })),
            password_expires_at: Type.Optional(Type.String({ description: 'no password expires' })),
          }),
          response: { 200: UserList, ...keystoneErrors },
        },
      },
      async (request) => {
        const origin = originOf(request);
        const [name, domain, enabled] = ['name', 'domain_id', 'enabled'].map((member) =>
          textOf(request.query, member),
        );
        const users = (await usersOf(read, sessionOf(request))).filter(
          (user) =>
            (name === undefined || user.name === name) &&
            (domain === undefined || user.domain === domain) &&
            (enabled === undefined || String(user.isEnabled) === enabled.toLowerCase()),
        );
        return { users: users.map((user) => userWire(user, origin)), links: linksOf(`${origin}/v3/users`) };
      },
    );

    app.post(
      '/v3/users',
      {
        config: { permission: 'iam:users:createUser' },
        schema: {
          operationId: 'CreateUser',
          tags,
          body: UserCreate,
          response: { 201: UserDetail, ...keystoneErrors },
        },
      },
      async (request, reply) => {
        const session = sessionOf(request);
        const { domain_id } = request.body.user;
        if (domain_id && domain_id !== session.domain) {
          throw new Problem('invalid', `domain_id is none of yours; expected ${session.domain}, or nothing.`);
        }
        const sent = readUser(request.body.user);
        const user = await createUser(services, session, sent);
        if (sent.password !== undefined) signIn.rememberPassword(user, sent.password);
        reply.code(201);
        return { user: userWire(user, originOf(request)) };
      },
    );

    app.get(
      '/v3/users/:user_id',
      {
        config: { permission: 'own' },
        schema: {
          operationId: 'ShowUser',
          tags,
          params: ofUser,
          response: { 200: UserDetail, ...keystoneErrors },
        },
      },
      async (request) => {
        const id = userId(request.params.user_id);
        assertOwnOr('iam:users:getUser', sessionOf(request), id);
        return { user: userWire(await userOf(read, sessionOf(request), id), originOf(request)) };
      },
    );

    app.get(
      '/v3.0/OS-USER/users/:user_id',
      {
        config: { permission: 'own' },
        schema: {
          operationId: 'ShowFullUser',
          tags,
          params: ofUser,
          response: { 200: FullUserDetail, ...identityErrors },
        },
      },
      async (request) => {
        const id = userId(request.params.user_id);
        assertOwnOr('iam:users:getUser', sessionOf(request), id);
        return { user: fullUserWire(await userOf(read, sessionOf(request), id), originOf(request)) };
      },
    );

    app.patch(
      '/v3/users/:user_id',
      {
        config: { permission: 'iam:users:updateUser' },
        schema: {
          operationId: 'ChangeUser',
          tags,
          params: ofUser,
          body: UserModify,
          response: { 200: UserDetail, ...keystoneErrors },
        },
      },
      async (request) => {
        const id = userId(request.params.user_id);
        const sent = readUser(request.body.user);
        const user = await changeUser(services, sessionOf(request), id, sent);
        if (sent.password !== undefined) signIn.rememberPassword(user, sent.password);
        forgetSessions();
        return { user: userWire(user, originOf(request)) };
      },
    );

    app.post(
      '/v3/users/:user_id/password',
      {
        config: { permission: 'own' },
        schema: {
          operationId: 'ChangePassword',
          summary: "One's own password, by the one that it replaces",
          tags,
          params: ofUser,
          body: PasswordModify,
          response: { 204: NoContent, ...keystoneErrors },
        },
      },
      async (request, reply) => {
        const session = sessionOf(request);
        const id = userId(request.params.user_id);
        if (id !== session.user) {
          throw new Problem('forbidden', "Another user's password is changed by PATCH /v3/users/{user_id}.");
        }
        const { password, original_password } = request.body.user;
        await signIn.provePassword({ id }, original_password, sourceIn(request));
        signIn.rememberPassword(await changeUser(services, session, id, { password, details: {} }), password);
        forgetSessions();
        return reply.code(204).send();
      },
    );

    app.delete(
      '/v3/users/:user_id',
      {
        config: { permission: 'iam:users:deleteUser' },
        schema: {
          operationId: 'DeleteUser',
          tags,
          params: ofUser,
          response: { 204: NoContent, ...keystoneErrors },
        },
      },
      async (request, reply) => {
        await removeUser(services, sessionOf(request), userId(request.params.user_id));
        forgetSessions();
        return reply.code(204).send();
      },
    );
  };
