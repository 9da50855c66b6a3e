import { Type, type Static } from 'typebox';
import { Id, Links, Self } from './shared.ts';

const Project = Type.Object(
  {
    id: Type.String(),
    name: Type.String(),
    description: Type.String(),
    enabled: Type.Boolean(),
    domain_id: Type.String(),
    parent_id: Type.String(),
    is_domain: Type.Boolean(),
    links: Self,
  },
  { title: 'Project' },
);
export const ProjectList = Type.Object(
  { projects: Type.Array(Project), links: Links },
  { title: 'ProjectList' },
);
export const ProjectDetail = Type.Object({ project: Project }, { title: 'ProjectDetail' });

export const ProjectCreate = Type.Object(
  {
    project: Type.Object(
      {
        name: Type.String({
          minLength: 1,
          maxLength: 64,
          pattern: '^[A-Za-z0-9_-]+$',
          description: '1-64 letters, digits, - or _; clients expect it to begin with the region and _',
        }),
        domain_id: Type.Optional(Id),
        parent_id: Type.Optional(Id),
        description: Type.Optional(
          Type.String({ maxLength: 255, description: 'text of at most 255 characters' }),
        ),
      },
      { description: 'an object {name, domain_id, parent_id, description}' },
    ),
  },
  { title: 'ProjectCreate' },
);

export type ProjectWire = Static<typeof Project>;
