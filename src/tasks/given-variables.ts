import { randomBytes } from 'node:crypto';
import { seal, type SealedVariable } from '../domain/envelope.ts';
import { variablesOf } from '../domain/grants.ts';
import { platformVariables } from '../domain/platform-variables.ts';
import type { ReleaseContent } from '../domain/release.ts';
import { findApplication } from '../store/applications.ts';
import { findComponent } from '../store/components.ts';
import { findEnvironment } from '../store/environments.ts';
import type { Instance } from '../store/instances.ts';
import type { Db } from '../store/open.ts';
import { findProject } from '../store/projects.ts';
import type { Parts } from './parts.ts';

/**
 * What the resources give that a release refers to, as the settings say now, and what the platform itself gives: a
 * rollback or restart makes a rollout of its own and so never revives a password that was changed.
 */
export async function givenVariables(
  { grants, git }: Pick<Parts, 'grants' | 'git'>,
  db: Db,
  instance: Instance,
  { referResources, label }: ReleaseContent,
): Promise<readonly SealedVariable[]> {
  const project = (await findProject(db, instance.project))?.name ?? '';
  const variables = new Map([
    ...variablesOf(grants, project, referResources),
    ...(await namesOf(db, instance, label)),
  ]);
  return [...variables].map(([name, value]) => ({ name, value: seal(git.key, value, randomBytes(12)) }));
}

async function namesOf(db: Db, instance: Instance, version: string) {
  const { project } = instance;
  const application = await findApplication(db, project, instance.application);
  const component = await findComponent(db, project, instance.application, instance.component);
  const environment = await findEnvironment(db, project, instance.environment);
  return platformVariables({
    application: { id: instance.application, name: application?.name ?? '' },
    component: { name: component?.name ?? '' },
    environment: { id: instance.environment, name: environment?.name ?? '' },
    instance,
    version,
  });
}
