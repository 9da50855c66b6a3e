import { Type, type Static } from 'typebox';
import { ConfigurationInput, Port } from './configuration.ts';
import { anything, Description } from './shared.ts';

/** No application needs more on one platform of this size; a slip of the finger does not fill the host. */
const MAX_REPLICAS = 1_000;
const MAX_LIST = 200;

const text = (most: number) =>
  Type.String({ maxLength: most, description: `text of at most ${most} characters` });

const InstanceName = Type.String({
  minLength: 2,
  maxLength: 63,
  pattern: '^[a-z][a-z0-9-]*[a-z0-9]$',
  description: '2-63 lower-case letters, digits or -, the first a letter, the last a letter or digit',
});
const Replicas = Type.Integer({
  minimum: 0,
  maximum: MAX_REPLICAS,
  description: `a whole number from 0 to ${MAX_REPLICAS}`,
});
/** A label of 1-64 characters; clients send numbers too. */
export const VersionInput = Type.Union([Type.String({ pattern: '^[A-Za-z0-9._+-]{1,64}$' }), Type.Number()], {
  description: '1-64 letters, digits, ., _, - or +, or a number',
});
const FlavorId = Type.String({
  minLength: 1,
  maxLength: 128,
  description: 'a flavor out of GET metadata/flavors',
});

const Artifact = Type.Object(
  {
    storage: Type.Enum(['swr', 'obs', 'devcloud', 'http', 'https']),
    type: Type.Enum(['package', 'image']),
    url: Type.String({
      minLength: 1,
      maxLength: 2048,
      description: 'the address of a package, 1-2048 characters',
    }),
    auth: Type.Optional(Type.Enum(['iam', 'none'])),
    version: Type.Optional(text(128)),
    properties: Type.Optional(anything('an object')),
  },
  { title: 'ArtifactInput', description: 'an object {storage, type, url, auth}' },
);
const Artifacts = Type.Record(Type.String({ pattern: '^[^\\u0000-\\u001f]{1,128}$' }), Artifact, {
  additionalProperties: false,
  maxProperties: 20,
  description: 'an object of artifacts by name (1-128 characters, at most 20)',
});

const ReferResourceInput = Type.Object(
  {
    id: Type.String({ minLength: 1, maxLength: 128, description: 'the id of a resource, 1-128 characters' }),
    type: Type.String({
      minLength: 1,
      maxLength: 64,
      pattern: '^[A-Za-z0-9_-]+$',
      description: 'a resource type such as cce, ecs or elb',
    }),
    refer_alias: Type.Optional(text(128)),
    parameters: Type.Optional(anything('an object')),
  },
  { title: 'ReferResource', description: 'an object {id, type, parameters}' },
);
const ReferResources = Type.Array(ReferResourceInput, {
  maxItems: MAX_LIST,
  description: `a list of at most ${MAX_LIST} {id, type, parameters}`,
});

const AccessInput = Type.Object(
  {
    id: Type.Optional(text(128)),
    protocol: Type.Optional(
      Type.String({ pattern: '^([Hh][Tt][Tt][Pp][Ss]?)?$', description: 'HTTP or HTTPS' }),
    ),
    address: Type.Optional(
      Type.String({
        maxLength: 1024,
        pattern:
          "^([A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?(:[0-9]{1,5})?(/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*)?)?$",
        description: 'a host name or an IPv4 address, with a path if requests below that alone are meant',
      }),
    ),
    forward_port: Type.Optional(Port),
  },
  { title: 'ExternalAccessInput', description: 'an object {protocol, address, forward_port}' },
);
const Accesses = Type.Array(AccessInput, {
  maxItems: MAX_LIST,
  description: `a list of at most ${MAX_LIST} {protocol, address, forward_port}`,
});

export const InstanceCreate = Type.Object(
  {
    name: InstanceName,
    environment_id: Type.String({ minLength: 1, maxLength: 128, description: 'the id of an environment' }),
    replica: Replicas,
    flavor_id: FlavorId,
    version: VersionInput,
    refer_resources: ReferResources,
    artifacts: Type.Optional(Artifacts),
    configuration: Type.Optional(ConfigurationInput),
    description: Type.Optional(Description),
    external_accesses: Type.Optional(Accesses),
  },
  { title: 'InstanceCreate' },
);

export const InstanceModify = Type.Object(
  {
    version: VersionInput,
    name: Type.Optional(text(256)),
    environment_id: Type.Optional(text(256)),
    replica: Type.Optional(Replicas),
    flavor_id: Type.Optional(FlavorId),
    artifacts: Type.Optional(Artifacts),
    configuration: Type.Optional(ConfigurationInput),
    description: Type.Optional(Description),
    external_accesses: Type.Optional(Accesses),
    refer_resources: Type.Optional(ReferResources),
  },
  { title: 'InstanceModify' },
);

export const InstanceAction = Type.Object(
  {
    action: Type.String({ maxLength: 64, description: 'start, stop, restart, scale or rollback' }),
    parameters: Type.Optional(
      Type.Object(
        {
          replica: Type.Optional(
            Type.Union([Replicas, Type.String({ pattern: '^([0-9]{1,3}|1000)$' })], {
              description: `a whole number from 0 to ${MAX_REPLICAS}`,
            }),
          ),
          hosts: Type.Optional(
            Type.Array(text(128), {
              minItems: 1,
              maxItems: MAX_LIST,
              description: 'a list of server ids, not empty',
            }),
          ),
          version: Type.Optional(VersionInput),
        },
        { description: 'an object such as {replica} or {version}' },
      ),
    ),
  },
  { title: 'InstanceAction' },
);

export type InstanceCreateWire = Static<typeof InstanceCreate>;
export type InstanceModifyWire = Static<typeof InstanceModify>;
export type InstanceActionWire = Static<typeof InstanceAction>;
export type AccessInputWire = Static<typeof AccessInput>;
