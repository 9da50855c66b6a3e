import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import {
  accessKeyOf,
  accessKeysOf,
  changeAccessKey,
  createAccessKey,
  removeAccessKey,
} from '../../actions/access-keys.ts';
import { userId, type UserId } from '../../domain/ids.ts';
import type { AccessKey } from '../../store/access-keys.ts';
import type { Parts } from '../parts.ts';
import { sessionOf } from '../session.ts';
import { textOf } from '../v2/paging.ts';
import { NoContent } from '../v2/schemas/shared.ts';
import { moment } from './moment.ts';
import {
  CredentialCreate,
  CredentialCreated,
  CredentialDetail,
  CredentialList,
  CredentialModify,
  type CredentialWire,
} from './schemas/credential.ts';
import { Id, identityErrors } from './schemas/shared.ts';

const tags = ['Identity'];
const base = '/v3.0/OS-CREDENTIAL/credentials';
const ofKey = Type.Object({ access_key: Id });

/** An absent or empty user is the caller. */
const userIn = (sent: string | undefined, own: UserId): UserId => (sent ? userId(sent) : own);

/** Permanent access keys. Everybody has their own; an administrator everybody's. */
export const credentialRoutes =
  ({ services, forgetSessions }: Parts): FastifyPluginAsyncTypebox =>
  async (app) => {
    const { read } = services.store;

    app.post(
      base,
      {
        config: { permission: 'own' },
        schema: {
          operationId: 'CreateCredential',
          summary: 'The secret is told here alone',
          tags,
          body: CredentialCreate,
          response: { 201: CredentialCreated, ...identityErrors },
        },
      },
      async (request, reply) => {
        const session = sessionOf(request);
        const { user_id, description = '' } = request.body.credential;
        const user = userIn(user_id, session.user);
        const { key, pair } = await createAccessKey(services, session, { user, description });
        reply.code(201);
        return { credential: { ...credentialWire(key), secret: pair.secret } };
      },
    );

    app.get(
      base,
      {
        config: { permission: 'own' },
        schema: {
          operationId: 'ListCredentials',
          tags,
          querystring: Type.Object({ user_id: Type.Optional(Id) }),
          response: { 200: CredentialList, ...identityErrors },
        },
      },
      async (request) => {
        const session = sessionOf(request);
        const user = userIn(textOf(request.query, 'user_id'), session.user);
        return { credentials: (await accessKeysOf(read, session, user)).map(credentialWire) };
      },
    );

    app.get(
      `${base}/:access_key`,
      {
        config: { permission: 'own' },
        schema: {
          operationId: 'ShowCredential',
          tags,
          params: ofKey,
          response: { 200: CredentialDetail, ...identityErrors },
        },
      },
      async (request) => {
        const key = await accessKeyOf(read, sessionOf(request), request.params.access_key);
        const { lastUseTime } = key;
        const last_use_time = lastUseTime === undefined ? '' : moment(lastUseTime);
        return { credential: { ...credentialWire(key), last_use_time } };
      },
    );

    app.put(
      `${base}/:access_key`,
      {
        config: { permission: 'own' },
        schema: {
          operationId: 'ChangeCredential',
          tags,
          params: ofKey,
          body: CredentialModify,
          response: { 200: CredentialDetail, ...identityErrors },
        },
      },
      async (request) => {
        const { status, description } = request.body.credential;
        const changes = {
          ...(status !== undefined && { isActive: status === 'active' }),
          ...(description !== undefined && { description }),
        };
        const { access_key } = request.params;
        const key = await changeAccessKey(services, sessionOf(request), access_key, changes);
        forgetSessions();
        return { credential: credentialWire(key) };
      },
    );

    app.delete(
      `${base}/:access_key`,
      {
        config: { permission: 'own' },
        schema: {
          operationId: 'DeleteCredential',
          tags,
          params: ofKey,
          response: { 204: NoContent, ...identityErrors },
        },
      },
      async (request, reply) => {
        await removeAccessKey(services, sessionOf(request), request.params.access_key);
        forgetSessions();
        return reply.code(204).send();
      },
    );
  };

const credentialWire = (key: AccessKey): CredentialWire => ({
  access: key.access,
  status: key.isActive ? 'active' : 'inactive',
  user_id: key.user,
  create_time: moment(key.createTime),
  description: key.description,
});
