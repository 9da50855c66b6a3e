import { Type, type Static, type TObject, type TProperties, type TSchema } from 'typebox';

/** Ours are UUIDs; any text is looked up. */
export const Id = Type.String({ description: 'an id' });
export const Time = Type.Integer({ description: 'milliseconds since 1970' });
export const OptionalText = Type.Union([Type.String(), Type.Null()]);

export const nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);

/** Letters, digits, - and _, as the contract limits most names. */
export const Name = Type.String({
  minLength: 2,
  maxLength: 64,
  pattern: '^[A-Za-z][A-Za-z0-9_-]*[A-Za-z0-9]$',
  description: '2-64 letters, digits, - or _, the first a letter, the last a letter or digit',
});

export const Description = Type.String({ maxLength: 128, description: 'text of at most 128 characters' });

export const EnterpriseProjectId = Type.String({
  maxLength: 64,
  description: 'an id of at most 64 characters',
});

/** Moves an application or environment to another enterprise project. */
export const EnterpriseProjectTags = Type.Object(
  {
    action: Type.Enum(['create']),
    sys_tags: Type.Array(
      Type.Object(
        {
          key: Type.Enum(['_sys_enterprise_project_id']),
          value: EnterpriseProjectId,
        },
        { description: 'an object {key: "_sys_enterprise_project_id", value}' },
      ),
      {
        minItems: 1,
        maxItems: 20,
        description: 'a list of one {key: "_sys_enterprise_project_id", value}',
      },
    ),
  },
  { title: 'EnterpriseProjectTags' },
);

/** Of several the last one counts, as with variables. */
export const enterpriseProjectOf = ({ sys_tags }: Static<typeof EnterpriseProjectTags>): string =>
  sys_tags.at(-1)?.value ?? '';

export const VariableName = Type.String({
  minLength: 1,
  maxLength: 64,
  pattern: '^[A-Za-z_.-][A-Za-z0-9_.-]*$',
  description: '1-64 letters, digits, _, - or ., the first no digit',
});

/** Of one variable; the kernel's own limit for one is 128 KiB. */
export const MAX_VARIABLE_CHARACTERS = 32_768;
export const MAX_VARIABLES = 1_000;

export const EnvVariable = Type.Object(
  {
    name: VariableName,
    value: Type.String({
      maxLength: MAX_VARIABLE_CHARACTERS,
      description: `text of at most ${MAX_VARIABLE_CHARACTERS} characters`,
    }),
    internal: Type.Optional(Type.Boolean({ description: 'true or false' })),
  },
  { title: 'EnvVariable', description: 'an object {name, value}' },
);

/** What every path member is: looked up, never refused for its form. */
export const params = <T extends TProperties>(members: T): TObject<T & { project_id: typeof Id }> =>
  Type.Object({ project_id: Id, ...members });

export const PagingQuery = Type.Object({
  limit: Type.Optional(
    Type.String({ description: '0-100 or 1000; anything else counts as 10; absent: at most 1000' }),
  ),
  offset: Type.Optional(Type.String({ description: 'records to skip, 0 by default' })),
  order_by: Type.Optional(Type.String({ description: 'create_time (default), name or update_time' })),
  order: Type.Optional(Type.String({ description: 'desc (default) or asc' })),
});

const GatewayError = Type.Object(
  { error_code: Type.String(), error_msg: Type.String(), request_id: Type.String() },
  { title: 'GatewayError' },
);
const ServiceError = Type.Object(
  { error_code: Type.String(), error_msg: Type.String() },
  { title: 'ServiceError' },
);
const AnyError = Type.Union([GatewayError, ServiceError], { title: 'Error' });

/** The answers that any operation of the service may give beside its own. */
export const errors = {
  400: AnyError,
  401: GatewayError,
  403: GatewayError,
  404: ServiceError,
  413: GatewayError,
  503: ServiceError,
};
export const errorsOfJobs = { ...errors, 409: ServiceError };

export const NoContent = Type.Unsafe<undefined>({ type: 'null', description: 'no body' });

export const ForceQuery = Type.Object({
  force: Type.Optional(Type.String({ description: 'true or false (default)' })),
});

/** An object of which nothing is known. */
export const anything = (description: string) =>
  Type.Record(Type.String({ pattern: '[\\s\\S]*' }), Type.Unknown(), { description });
