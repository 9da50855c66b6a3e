import { Type, type Static } from 'typebox';
import { Description, EnterpriseProjectId, Id, Name, OptionalText, Time } from './shared.ts';

/** Bounds one environment; real ones hold a handful. */
const MAX_RESOURCES = 200;

const ResourceId = Type.String({
  minLength: 1,
  maxLength: 128,
  description: 'the id of a resource, 1-128 characters',
});
const ResourceType = Type.String({
  minLength: 1,
  maxLength: 64,
  pattern: '^[A-Za-z0-9_-]+$',
  description: 'a resource type such as cce, ecs or elb',
});

export const ResourceInput = Type.Object(
  {
    id: ResourceId,
    type: ResourceType,
    name: Type.Optional(Type.String({ maxLength: 128, description: 'text of at most 128 characters' })),
  },
  { title: 'ResourceInput', description: 'an object {id, type, name}' },
);
const Resources = Type.Array(ResourceInput, { maxItems: MAX_RESOURCES });

const Alias = Type.String({ maxLength: 96, description: 'text of at most 96 characters' });

export const EnvironmentCreate = Type.Object(
  {
    name: Name,
    alias: Type.Optional(Alias),
    description: Type.Optional(Description),
    enterprise_project_id: Type.Optional(EnterpriseProjectId),
    charge_mode: Type.Optional(Type.Enum(['provided', 'on_demanded', 'monthly'])),
    deploy_mode: Type.Optional(Type.Enum(['virtualmachine', 'container', 'mixed'])),
    vpc_id: Type.String({ minLength: 1, maxLength: 128, description: 'the id of a VPC, 1-128 characters' }),
    base_resources: Type.Optional(Resources),
    optional_resources: Type.Optional(Resources),
  },
  { title: 'EnvironmentCreate' },
);

export const EnvironmentModify = Type.Object(
  { name: Type.Optional(Name), alias: Type.Optional(Alias), description: Type.Optional(Description) },
  { title: 'EnvironmentModify' },
);

export const EnvironmentResourceModify = Type.Object(
  {
    add_base_resources: Type.Optional(Resources),
    add_optional_resources: Type.Optional(Resources),
    remove_resources: Type.Optional(Resources),
  },
  { title: 'EnvironmentResourceModify' },
);

export const Resource = Type.Object(
  { id: Type.String(), name: OptionalText, type: Type.String() },
  { title: 'Resource' },
);

export const Environment = Type.Object(
  {
    id: Id,
    name: Type.String(),
    alias: OptionalText,
    description: OptionalText,
    project_id: Id,
    enterprise_project_id: Type.String(),
    charge_mode: Type.String(),
    deploy_mode: Type.String(),
    vpc_id: Type.String(),
    base_resources: Type.Array(Resource),
    optional_resources: Type.Array(Resource),
    creator: Type.String(),
    create_time: Time,
    update_time: Time,
  },
  { title: 'Environment' },
);
export const EnvironmentList = Type.Object(
  { count: Type.Integer(), environments: Type.Array(Environment) },
  { title: 'EnvironmentList' },
);

export type EnvironmentWire = Static<typeof Environment>;
export type ResourceInputWire = Static<typeof ResourceInput>;
