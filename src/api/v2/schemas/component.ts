import { Type, type Static } from 'typebox';
import { InstanceOverview } from './instance.ts';
import { Description, Id, Name, nullable, OptionalText, Time } from './shared.ts';

const text = (most: number) =>
  Type.String({ maxLength: most, description: `text of at most ${most} characters` });

/** The members of `spec` depend on `kind`; components-wire.ts holds them to it. Unknown ones are kept out. */
export const SourceInput = Type.Object(
  {
    kind: Type.Enum(['code', 'artifact']),
    spec: Type.Object(
      {
        storage: Type.Optional(Type.Enum(['swr', 'obs', 'devcloud', 'http', 'https'])),
        type: Type.Optional(Type.Enum(['package', 'image'])),
        url: Type.Optional(text(2048)),
        auth: Type.Optional(Type.Enum(['iam', 'none'])),
        version: Type.Optional(text(128)),
        properties: Type.Optional(Type.Record(Type.String(), Type.Unknown(), { description: 'an object' })),
        webUrl: Type.Optional(text(2048)),
        repo_type: Type.Optional(text(64)),
        repo_url: Type.Optional(text(2048)),
        repo_ref: Type.Optional(text(250)),
        repo_auth: Type.Optional(text(64)),
        repo_namespace: Type.Optional(text(256)),
      },
      {
        description:
          'an object: {storage, type, url, auth} for an artifact, {repo_type, repo_url, repo_ref, repo_auth} for code',
      },
    ),
  },
  { title: 'SourceInput', description: 'an object {kind, spec}' },
);

export const BuildInput = Type.Object(
  {
    parameters: Type.Optional(
      Type.Object(
        {
          build_cmd: Type.Optional(text(8192)),
          dockerfile_path: Type.Optional(text(1024)),
          artifact_namespace: Type.Optional(text(256)),
          cluster_id: Type.Optional(text(256)),
          cluster_name: Type.Optional(text(256)),
          clsuter_name: Type.Optional(text(256)),
          cluster_type: Type.Optional(text(256)),
          node_label_selector: Type.Optional(
            Type.Record(Type.String(), text(256), { description: 'an object of labels', maxProperties: 100 }),
          ),
          use_public_cluster: Type.Optional(Type.Boolean()),
        },
        { description: 'an object such as {build_cmd}' },
      ),
    ),
  },
  { title: 'BuildInput', description: 'an object {parameters}' },
);

export const ComponentCreate = Type.Object(
  {
    name: Name,
    runtime: Type.String({
      minLength: 1,
      maxLength: 64,
      description: 'a runtime out of GET metadata/runtimes',
    }),
    category: Type.Enum(['Webapp', 'MicroService', 'Common']),
    sub_category: Type.Optional(text(64)),
    description: Type.Optional(Description),
    source: Type.Optional(SourceInput),
    build: Type.Optional(BuildInput),
  },
  { title: 'ComponentCreate' },
);

export const ComponentModify = Type.Object(
  {
    name: Type.Optional(Name),
    description: Type.Optional(Description),
    source: Type.Optional(SourceInput),
    build: Type.Optional(BuildInput),
  },
  { title: 'ComponentModify' },
);

const Source = Type.Object(
  { kind: Type.String(), spec: Type.Record(Type.String(), Type.Unknown()) },
  { title: 'Source', additionalProperties: true },
);
const Build = Type.Record(Type.String(), Type.Unknown());

const members = {
  id: Id,
  application_id: Id,
  name: Type.String(),
  status: Type.Integer({ description: '0 normal, 1 being deleted' }),
  runtime: Type.String(),
  category: Type.String(),
  sub_category: OptionalText,
  description: OptionalText,
  project_id: Id,
  source: nullable(Source),
  build: nullable(Build),
  create_time: Time,
  update_time: Time,
  creator: Type.String(),
};

export const ComponentView = Type.Object(members, { title: 'ComponentView' });
export const Component = Type.Object(
  { ...members, pipeline_ids: Type.Array(Type.String()) },
  { title: 'Component' },
);
export const ComponentList = Type.Object(
  { count: Type.Integer(), components: Type.Array(ComponentView) },
  { title: 'ComponentList' },
);
export const ComponentOverviewList = Type.Object(
  {
    count: Type.Integer(),
    components: Type.Array(
      Type.Object({ ...members, instances: Type.Array(InstanceOverview) }, { title: 'ComponentOverview' }),
    ),
  },
  { title: 'ComponentOverviewList' },
);

export type SourceInputWire = Static<typeof SourceInput>;
export type BuildInputWire = Static<typeof BuildInput>;
export type ComponentWire = Static<typeof Component>;
export type ComponentViewWire = Static<typeof ComponentView>;
