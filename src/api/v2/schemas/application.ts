import { Type, type Static } from 'typebox';
import {
  Description,
  EnterpriseProjectId,
  EnvVariable,
  Id,
  MAX_VARIABLES,
  Name,
  OptionalText,
  Time,
} from './shared.ts';

export const ApplicationCreate = Type.Object(
  {
    name: Name,
    description: Type.Optional(Description),
    enterprise_project_id: Type.Optional(EnterpriseProjectId),
  },
  { title: 'ApplicationCreate' },
);

export const ApplicationModify = Type.Object(
  { name: Type.Optional(Name), description: Type.Optional(Description) },
  { title: 'ApplicationModify' },
);

const members = {
  id: Id,
  name: Type.String(),
  description: OptionalText,
  enterprise_project_id: Type.String(),
  creator: Type.String(),
  project_id: Id,
  create_time: Time,
  update_time: Time,
  unified_model: OptionalText,
};

export const Application = Type.Object(members, { title: 'Application' });
export const ApplicationView = Type.Object(
  { ...members, component_count: Type.Integer() },
  { title: 'ApplicationView' },
);
export const ApplicationList = Type.Object(
  { count: Type.Integer(), applications: Type.Array(ApplicationView) },
  { title: 'ApplicationList' },
);

export const ApplicationConfigurationModify = Type.Object(
  {
    environment_id: Id,
    configuration: Type.Object(
      { env: Type.Optional(Type.Array(EnvVariable, { maxItems: MAX_VARIABLES })) },
      { description: 'an object {env: [{name, value}]}' },
    ),
  },
  { title: 'ApplicationConfigurationModify' },
);

export const ApplicationConfiguration = Type.Object(
  {
    application_id: Id,
    environment_id: Id,
    configuration: Type.Object({ env: Type.Array(EnvVariable) }),
  },
  { title: 'ApplicationConfiguration' },
);
/** The singular key holds a list: so the contract has it. */
export const ApplicationConfigurationList = Type.Object(
  { configuration: Type.Array(ApplicationConfiguration) },
  { title: 'ApplicationConfigurationList' },
);

export const ApplicationTagsResult = Type.Object(
  { application_id: Id, job_id: Id },
  { title: 'ApplicationTagsResult' },
);

export type ApplicationWire = Static<typeof Application>;
export type ApplicationViewWire = Static<typeof ApplicationView>;
export type ApplicationConfigurationWire = Static<typeof ApplicationConfiguration>;
