import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { issueTemporaryKey } from '../../actions/temporary-keys.ts';
import { Problem } from '../../domain/errors.ts';
import type { Parts } from '../parts.ts';
import { sessionOf } from '../session.ts';
import { moment } from './moment.ts';
import { SecurityToken, SecurityTokenCreate } from './schemas/credential.ts';
import { identityErrors } from './schemas/shared.ts';

const DEFAULT_S = 900;

/** Temporary access keys, for who calls: by the token in the body, else by that in the header or by a signature. */
export const securityTokenRoutes =
  ({ services }: Parts): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.post(
      '/v3.0/OS-CREDENTIAL/securitytokens',
      {
        config: { permission: 'own', mayHoldToken: true, endsWithKey: true },
        schema: {
          operationId: 'CreateTemporaryAccessKey',
          tags: ['Identity'],
          body: SecurityTokenCreate,
          response: { 201: SecurityToken, ...identityErrors },
        },
      },
      async (request, reply) => {
        const { methods, token, policy } = request.body.auth.identity;
        if (methods.length !== 1 || methods[0] !== 'token') {
          throw new Problem(
            'invalid',
            `auth.identity.methods is [${methods.join(', ').slice(0, 60)}]; expected ["token"]: there are no agencies here.`,
          );
        }
        if (policy !== undefined) {
          throw new Problem(
            'invalid',
            'auth.identity.policy would narrow the key, which is not possible here; leave it out, or take a user with a smaller role.',
          );
        }
        const duration = token?.duration_seconds ?? DEFAULT_S;
        const issued = await issueTemporaryKey(services, sessionOf(request), duration);
        reply.code(201);
        return {
          credential: {
            access: issued.access,
            secret: issued.secret,
            securitytoken: issued.securityToken,
            expires_at: moment(issued.expireTime),
          },
        };
      },
    );
  };
