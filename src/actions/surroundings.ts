import { Problem } from '../domain/errors.ts';
import type { EnvironmentId } from '../domain/ids.ts';
import type { Artifact } from '../domain/release.ts';
import { listApplicationConfigurations } from '../store/applications.ts';
import type { Component } from '../store/components.ts';
import type { Tx } from '../store/open.ts';
import type { Surroundings } from './plan-release.ts';

/** What an instance inherits: its component's source, and its application's variables in that environment. */
export async function surroundingsOf(
  tx: Tx,
  component: Component,
  environment: EnvironmentId,
): Promise<Surroundings> {
  const [configuration] = await listApplicationConfigurations(tx, component.application, environment);
  return { componentSource: artifactOf(component), inheritedEnv: configuration?.env ?? [] };
}

function artifactOf({ id, source }: Component): Artifact | undefined {
  if (source?.['kind'] !== 'artifact') return undefined;
  const { spec } = source;
  if (isArtifact(spec)) return spec;
  throw new Problem(
    'noArtifact',
    `The source of component ${id} names no package; change the component, or send artifacts.`,
  );
}

function isArtifact(spec: unknown): spec is Artifact {
  if (typeof spec !== 'object' || spec === null) return false;
  return (
    'url' in spec &&
    typeof spec.url === 'string' &&
    'type' in spec &&
    typeof spec.type === 'string' &&
    'storage' in spec
  );
}
