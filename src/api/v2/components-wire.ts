import { Problem } from '../../domain/errors.ts';
import type { Component, ComponentSource } from '../../store/components.ts';
import { isEmpty, withoutEmpty } from './empty.ts';
import type {
  BuildInputWire,
  ComponentViewWire,
  ComponentWire,
  SourceInputWire,
} from './schemas/component.ts';

/** As sent, but for unknown and empty members. */
export function readSource({ kind, spec }: SourceInputWire): ComponentSource {
  if (kind === 'code') {
    throw new Problem(
      'invalid',
      'Field "source.kind" is "code", which this platform cannot build yet; expected "artifact".',
    );
  }
  if (spec.type === 'image') {
    throw new Problem(
      'invalid',
      'Field "source.spec.type" is "image", which needs a container driver that this platform does not have; expected "package".',
    );
  }
  const { auth, version, properties, webUrl } = spec;
  return {
    kind,
    spec: {
      storage: required('storage', spec.storage),
      type: required('type', spec.type),
      url: required('url', spec.url),
      ...withoutEmpty({ auth, version, properties, webUrl }),
    },
  };
}

function required(name: string, value: string | undefined): string {
  if (value) return value;
  throw new Problem(
    'invalid',
    `Field "source.spec.${name}" is missing; a source of kind "artifact" needs storage, type and url.`,
  );
}

/** Nothing is built yet, so one that asks for something is refused rather than forgotten. */
export function refuseBuild(build: BuildInputWire | undefined): void {
  if (isEmpty(build?.parameters)) return;
  throw new Problem('invalid', 'Field "build" does nothing yet: packages are run as they are; leave it out.');
}

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
    source: source === undefined ? null : { kind: source.kind, spec: { ...source.spec } },
    build: component.build === undefined ? null : { ...component.build },
    create_time: component.createTime,
    update_time: component.updateTime,
    creator: component.creator,
  };
}

export const componentWire = (component: Component): ComponentWire => ({
  ...componentViewWire(component),
  pipeline_ids: [],
});
