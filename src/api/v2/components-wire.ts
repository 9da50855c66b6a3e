import { Problem } from '../../domain/errors.ts';
import { assertNoCredential } from '../../domain/package-address.ts';
import type { Artifact } from '../../domain/release.ts';
import { assertRef, repositoryUrl } from '../../domain/repository.ts';
import type { CodeSpec, Component, ComponentBuild, ComponentSource } from '../../store/components.ts';
import { isEmpty, withoutEmpty } from './empty.ts';
import type {
  BuildInputWire,
  ComponentViewWire,
  ComponentWire,
  SourceInputWire,
} from './schemas/component.ts';

/** As sent, but for unknown and empty members. */
export function readSource({ kind, spec }: SourceInputWire): ComponentSource {
  return kind === 'code' ? { kind, spec: readCode(spec) } : { kind, spec: readArtifact(spec) };
}

function readCode(spec: SourceInputWire['spec']): CodeSpec {
  const { repo_type, repo_ref, repo_auth, repo_namespace } = spec;
  const repoUrl = required('code', 'repo_url', spec.repo_url);
  repositoryUrl(repoUrl, 'source.spec.repo_url');
  if (repo_ref) assertRef(repo_ref, 'source.spec.repo_ref');
  return {
    repoUrl,
    ...(repo_type && { repoType: repo_type }),
    ...(repo_ref && { repoRef: repo_ref }),
    ...(repo_auth && { repoAuth: repo_auth }),
    ...(repo_namespace && { repoNamespace: repo_namespace }),
  };
}

function readArtifact(spec: SourceInputWire['spec']): Artifact {
  if (spec.type === 'image') {
    throw new Problem(
      'invalid',
      'Field "source.spec.type" is "image", which needs a container driver that this platform does not have; expected "package".',
    );
  }
  const { auth, version, properties, webUrl } = spec;
  const url = required('artifact', 'url', spec.url);
  assertNoCredential({ url, ...(properties && { properties }) }, 'source.spec');
  return {
    storage: required('artifact', 'storage', spec.storage),
    type: required('artifact', 'type', spec.type),
    url,
    ...withoutEmpty({ auth, version, properties, webUrl }),
  };
}

const needs = { artifact: 'storage, type and url', code: 'repo_url' } as const;

function required(kind: keyof typeof needs, name: string, value: string | undefined): string {
  if (value) return value;
  throw new Problem(
    'invalid',
    `Field "source.spec.${name}" is missing; a source of kind "${kind}" needs ${needs[kind]}.`,
  );
}

/** Absent where nothing was set: clients send empty objects. One client misspells the cluster's name, and reads it so. */
export function readBuild(sent: BuildInputWire | undefined): Omit<ComponentBuild, 'id'> | undefined {
  const { build_cmd, ...others } = sent?.parameters ?? {};
  const name = others.cluster_name || others.clsuter_name;
  const parameters = withoutEmpty({ ...others, cluster_name: name, clsuter_name: name });
  if (isEmpty(build_cmd) && isEmpty(parameters)) return undefined;
  return { ...(build_cmd && { command: build_cmd }), parameters };
}

function sourceWire(source: ComponentSource): { kind: string; spec: Record<string, unknown> } {
  if (source.kind === 'artifact') return { kind: source.kind, spec: { ...source.spec } };
  const { repoType, repoUrl, repoRef, repoAuth, repoNamespace } = source.spec;
  const spec = {
    repo_type: repoType,
    repo_url: repoUrl,
    repo_ref: repoRef,
    repo_auth: repoAuth,
    repo_namespace: repoNamespace,
  };
  return { kind: source.kind, spec: withoutEmpty(spec) };
}

const buildWire = ({ id, command, parameters }: ComponentBuild) => ({
  id,
  parameters: { ...(command !== undefined && { build_cmd: command }), ...parameters },
});

export function componentViewWire(component: Component): ComponentViewWire {
  const { source } = component;
  return {
    id: component.id,
    application_id: component.application,
    name: component.name,
    status: component.isDeleting ? 1 : 0,
    runtime: component.runtime,
    category: component.category,
    sub_category: component.subCategory ?? null,
    description: component.description ?? null,
    project_id: component.project,
    source: source === undefined ? null : sourceWire(source),
    build: component.build === undefined ? null : buildWire(component.build),
    create_time: component.createTime,
    update_time: component.updateTime,
    creator: component.creator,
  };
}

export const componentWire = (component: Component): ComponentWire => ({
  ...componentViewWire(component),
  pipeline_ids: [],
});
