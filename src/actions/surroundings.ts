import type { EnvironmentId } from '../domain/ids.ts';
import type { Source } from '../domain/release.ts';
import { listApplicationConfigurations } from '../store/applications.ts';
import type { Component } from '../store/components.ts';
import type { Tx } from '../store/open.ts';
import { findProject } from '../store/projects.ts';
import type { Surroundings } from './plan-release.ts';

/** What an instance inherits: its component's source, and its application's variables in that environment. */
export async function surroundingsOf(
  tx: Tx,
  component: Component,
  environment: EnvironmentId,
): Promise<Omit<Surroundings, 'name'>> {
  const [configuration] = await listApplicationConfigurations(tx, component.application, environment);
  const project = await findProject(tx, component.project);
  return {
    componentSource: sourceOf(component),
    inheritedEnv: configuration?.env ?? [],
    project: project?.name ?? '',
  };
}

function sourceOf({ source, build }: Component): Source | undefined {
  if (source?.kind !== 'code') return source?.spec;
  const { repoUrl, repoRef, repoAuth } = source.spec;
  return {
    kind: 'code',
    repoUrl,
    ...(repoRef !== undefined && { ref: repoRef }),
    ...(repoAuth !== undefined && { auth: repoAuth }),
    ...(build?.command !== undefined && { command: build.command }),
  };
}
