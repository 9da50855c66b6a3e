import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { giveRole, notGiven, rolesGiven, takeRole, type Assignment } from '../../actions/roles.ts';
import { Problem } from '../../domain/errors.ts';
import { projectId, userId, type DomainId } from '../../domain/ids.ts';
import { roleNames, roles, type RoleName } from '../../domain/permission.ts';
import type { Parts } from '../parts.ts';
import { sessionOf } from '../session.ts';
import { textOf } from '../v2/paging.ts';
import { NoContent } from '../v2/schemas/shared.ts';
import { idOf } from './catalog-wire.ts';
import { linksOf } from './links.ts';
import { originOf } from './origin.ts';
import { RoleDetail, RoleList, type RoleWire } from './schemas/role.ts';
import { Id, keystoneErrors } from './schemas/shared.ts';

const tags = ['Identity'];

const inProject = { path: '/v3/projects/:id/users/:user_id/roles', name: 'OnProject' } as const;
const inDomain = { path: '/v3/domains/:id/users/:user_id/roles', name: 'OnDomain' } as const;

/** Which roles there are, and who has them where. */
export const roleRoutes =
  ({ services, forgetSessions }: Parts): FastifyPluginAsyncTypebox =>
  async (app) => {
    const { read } = services.store;

    app.get(
      '/v3/roles',
      {
        config: { permission: 'own' },
        schema: {
          operationId: 'ListRoles',
          tags,
          querystring: Type.Object({ name: Type.Optional(Type.String()) }),
          response: { 200: RoleList, ...keystoneErrors },
        },
      },
      async (request) => {
        const origin = originOf(request);
        const name = textOf(request.query, 'name');
        const found = roleNames.filter((one) => name === undefined || one === name);
        return { roles: found.map((one) => roleWire(one, origin)), links: linksOf(`${origin}/v3/roles`) };
      },
    );

    app.get(
      '/v3/roles/:role_id',
      {
        config: { permission: 'own' },
        schema: {
          operationId: 'ShowRole',
          tags,
          params: Type.Object({ role_id: Id }),
          response: { 200: RoleDetail, ...keystoneErrors },
        },
      },
      async (request) => ({ role: roleWire(roleIn(request.params.role_id), originOf(request)) }),
    );

    for (const { path, name } of [inProject, inDomain]) {
      const ofUser = Type.Object({ id: Id, user_id: Id });
      const ofRole = Type.Object({ id: Id, user_id: Id, role_id: Id });
      const assignmentIn = (sent: { id: string; user_id: string }, home: DomainId): Assignment => {
        const user = userId(sent.user_id);
        if (name === 'OnProject') return { user, project: projectId(sent.id) };
        if (sent.id === home) return { user };
        throw new Problem(
          'identityUnknown',
          `Could not find domain: ${sent.id.slice(0, 64)}; yours is ${home}.`,
        );
      };

      app.get(
        path,
        {
          config: { permission: 'iam:permissions:listRolesForUser' },
          schema: {
            operationId: `ListRoles${name}`,
            tags,
            params: ofUser,
            response: { 200: RoleList, ...keystoneErrors },
          },
        },
        async (request) => {
          const session = sessionOf(request);
          const origin = originOf(request);
          const given = await rolesGiven(read, session, assignmentIn(request.params, session.domain));
          return {
            roles: given.map((one) => roleWire(one, origin)),
            links: linksOf(`${origin}${request.url.replace(/\?.*/s, '')}`),
          };
        },
      );

      app.get(
        `${path}/:role_id`,
        {
          config: { permission: 'iam:permissions:listRolesForUser' },
          schema: {
            operationId: `CheckRole${name}`,
            tags,
            params: ofRole,
            response: { 204: NoContent, ...keystoneErrors },
          },
        },
        async (request, reply) => {
          const session = sessionOf(request);
          const assignment = assignmentIn(request.params, session.domain);
          const role = roleIn(request.params.role_id);
          const given = await rolesGiven(read, session, assignment);
          if (!given.includes(role)) throw notGiven(assignment, role);
          return reply.code(204).send();
        },
      );

      app.put(
        `${path}/:role_id`,
        {
          config: { permission: 'iam:permissions:grantRoleToUser' },
          schema: {
            operationId: `GiveRole${name}`,
            tags,
            params: ofRole,
            response: { 204: NoContent, ...keystoneErrors },
          },
        },
        async (request, reply) => {
          const session = sessionOf(request);
          const assignment = assignmentIn(request.params, session.domain);
          await giveRole(services, session, assignment, roleIn(request.params.role_id));
          forgetSessions();
          return reply.code(204).send();
        },
      );

      app.delete(
        `${path}/:role_id`,
        {
          config: { permission: 'iam:permissions:revokeRoleFromUser' },
          schema: {
            operationId: `TakeRole${name}`,
            tags,
            params: ofRole,
            response: { 204: NoContent, ...keystoneErrors },
          },
        },
        async (request, reply) => {
          const session = sessionOf(request);
          const assignment = assignmentIn(request.params, session.domain);
          await takeRole(services, session, assignment, roleIn(request.params.role_id));
          forgetSessions();
          return reply.code(204).send();
        },
      );
    }
  };

/** By its id, or by its name, which says more in a script. */
function roleIn(text: string): RoleName {
  const found = roleNames.find((name) => name === text || idOf(name) === text);
  if (found) return found;
  throw new Problem(
    'identityUnknown',
    `Could not find role: ${text.slice(0, 64)}; there are ${roleNames.join(', ')}.`,
  );
}

const roleWire = (name: RoleName, origin: string): RoleWire => ({
  id: idOf(name),
  name,
  display_name: name,
  description: roles[name].about,
  domain_id: null,
  permissions: [...roles[name].allows],
  links: { self: `${origin}/v3/roles/${idOf(name)}` },
});
