import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { createProject, projectOf, projectsOf, projectsOfUser } from '../../actions/projects.ts';
import { Problem } from '../../domain/errors.ts';
import { projectId, userId } from '../../domain/ids.ts';
import type { Project } from '../../store/projects.ts';
import type { Parts } from '../parts.ts';
import { sessionOf } from '../session.ts';
import { textOf, wholeNumber } from '../v2/paging.ts';
import { linksOf, type ListLinks } from './links.ts';
import { originOf } from './origin.ts';
import { ProjectCreate, ProjectDetail, ProjectList, type ProjectWire } from './schemas/project.ts';
import { Id, keystoneErrors } from './schemas/shared.ts';

const tags = ['Identity'];
const MOST_PER_PAGE = 5_000;

const Filters = Type.Object({
  name: Type.Optional(Type.String({ description: 'of exactly this name' })),
  domain_id: Type.Optional(Type.String()),
  parent_id: Type.Optional(Type.String({ description: 'the domain, since projects have no other parent' })),
  enabled: Type.Optional(Type.String({ description: 'true or false; all are enabled' })),
  is_domain: Type.Optional(Type.String({ description: 'true or false; none is' })),
  page: Type.Optional(Type.String({ description: 'from 1; goes together with per_page' })),
  per_page: Type.Optional(Type.String({ description: '1-5000; goes together with page' })),
});

type Query = Readonly<Record<string, unknown>>;

export const projectRoutes =
  ({ services }: Parts): FastifyPluginAsyncTypebox =>
  async (app) => {
    const { read } = services.store;

    for (const path of ['/v3/projects', '/v3/auth/projects']) {
      app.get(
        path,
        {
          config: { permission: 'own' },
          schema: {
            operationId: path === '/v3/projects' ? 'ListIamProjects' : 'ListAuthProjects',
            summary: 'The projects that the caller may use',
            tags,
            querystring: Filters,
            response: { 200: ProjectList, ...keystoneErrors },
          },
        },
        async (request) => {
          const found = filtered(await projectsOf(read, sessionOf(request)), request.query);
          const origin = originOf(request);
          const { items, links } = paged(found, request.query, `${origin}${path}`);
          return { projects: items.map((one) => projectWire(one, origin)), links };
        },
      );
    }

    app.post(
      '/v3/projects',
      {
        config: { permission: 'iam:projects:createProject' },
        schema: {
          operationId: 'CreateIamProject',
          tags,
          body: ProjectCreate,
          response: { 201: ProjectDetail, ...keystoneErrors },
        },
      },
      async (request, reply) => {
        const session = sessionOf(request);
        const { name, description, domain_id, parent_id } = request.body.project;
        for (const parent of [domain_id, parent_id]) {
          if (!parent || parent === session.domain) continue;
          throw new Problem(
            'invalid',
            `The parent ${parent.slice(0, 64)} is none; expected the domain ${session.domain}, or nothing.`,
          );
        }
        const asked = { name, ...(description !== undefined && { description }) };
        const project = await createProject(services, session, asked);
        reply.code(201);
        return { project: projectWire(project, originOf(request)) };
      },
    );

    app.get(
      '/v3/projects/:id',
      {
        config: { permission: 'own' },
        schema: {
          operationId: 'ShowIamProject',
          tags,
          params: Type.Object({ id: Id }),
          response: { 200: ProjectDetail, ...keystoneErrors },
        },
      },
      async (request) => {
        const project = await projectOf(read, sessionOf(request), projectId(request.params.id));
        return { project: projectWire(project, originOf(request)) };
      },
    );

    app.get(
      '/v3/users/:user_id/projects',
      {
        config: { permission: 'own' },
        schema: {
          operationId: 'ListProjectsOfUser',
          tags,
          params: Type.Object({ user_id: Id }),
          response: { 200: ProjectList, ...keystoneErrors },
        },
      },
      async (request) => {
        const { user_id } = request.params;
        const found = await projectsOfUser(read, sessionOf(request), userId(user_id));
        const origin = originOf(request);
        return {
          projects: found.map((one) => projectWire(one, origin)),
          links: linksOf(`${origin}/v3/users/${encodeURIComponent(user_id)}/projects`),
        };
      },
    );
  };

function filtered(projects: readonly Project[], query: Query): readonly Project[] {
  if (textOf(query, 'enabled')?.toLowerCase() === 'false') return [];
  if (textOf(query, 'is_domain')?.toLowerCase() === 'true') return [];
  const [name, home, parent] = ['name', 'domain_id', 'parent_id'].map((member) => textOf(query, member));
  return projects.filter(
    (project) =>
      (name === undefined || project.name === name) &&
      (home === undefined || project.domain === home) &&
      (parent === undefined || project.domain === parent),
  );
}

/** Whole, unless both `page` and `per_page` are numbers. */
function paged(
  projects: readonly Project[],
  query: Query,
  self: string,
): { readonly items: readonly Project[]; readonly links: ListLinks } {
  const page = wholeNumber(textOf(query, 'page') ?? '');
  const size = wholeNumber(textOf(query, 'per_page') ?? '');
  if (!page || !size) return { items: projects, links: linksOf(self) };
  const perPage = Math.min(size, MOST_PER_PAGE);
  const begin = (page - 1) * perPage;
  const address = (number: number) => {
    const wanted = new URLSearchParams();
    for (const [name, value] of Object.entries(query)) wanted.set(name, String(value));
    wanted.set('page', String(number));
    return `${self}?${wanted.toString()}`;
  };
  return {
    items: projects.slice(begin, begin + perPage),
    links: {
      self: address(page),
      previous: page > 1 ? address(page - 1) : null,
      next: begin + perPage < projects.length ? address(page + 1) : null,
    },
  };
}

const projectWire = (project: Project, origin: string): ProjectWire => ({
  id: project.id,
  name: project.name,
  description: project.description ?? '',
  enabled: true,
  domain_id: project.domain,
  parent_id: project.domain,
  is_domain: false,
  links: { self: `${origin}/v3/projects/${project.id}` },
});
