import { randomUUID } from 'node:crypto';
import * as ids from '../../src/domain/ids.ts';
import type { ReleaseContent } from '../../src/domain/release.ts';
import type { RolloutContent } from '../../src/domain/rollout.ts';
import { insertInstance, type NewInstance, updateInstance } from '../../src/store/instances.ts';
import type { Tx } from '../../src/store/open.ts';
import { insertRelease, type NewRelease } from '../../src/store/releases.ts';

export const aProject = ids.projectId('project-1');

export const aContent = (changes: Partial<ReleaseContent> = {}): ReleaseContent => ({
  label: '1.0.0',
  flavorId: 'MICRO-5G:0.5C:1G',
  source: { storage: 'http', type: 'package', url: 'https://example.org/web.zip' },
  env: [],
  inheritedEnv: [],
  configuration: {},
  strategy: 'RollingUpdate',
  externalAccesses: [],
  referResources: [],
  ...changes,
});

export const aRolloutContent = (changes: Partial<RolloutContent> = {}): RolloutContent => ({
  workload: {
    form: 'directory',
    build: ids.buildKey('build'),
    launch: {
      argv: ['/bin/web'],
      cwd: '/',
      env: {},
      portVariables: [],
      files: [],
      runtimeVersion: 'Custom',
    },
  },
  env: [],
  limits: { cpuMillis: 500, memoryBytes: 1024 ** 3 },
  graceMs: 10_000,
  ...changes,
});

export const aNewInstance = (changes: Partial<NewInstance> = {}): NewInstance => {
  const id = changes.id ?? ids.instanceId(randomUUID());
  return {
    id,
    project: aProject,
    application: ids.applicationId('application-1'),
    component: ids.componentId('component-1'),
    environment: ids.environmentId('environment-1'),
    name: `web-${id}`,
    platformType: 'vmapp',
    driver: 'process',
    target: { type: 'ecs', id: 'host-1' },
    hostName: `${id}.localhost`,
    wanted: 'running',
    replicas: 1,
    requestedRelease: ids.releaseId(randomUUID()),
    hasOwnArtifacts: true,
    creator: 'admin',
    createTime: 1_000,
    ...changes,
  };
};

export const aNewRelease = (instance: NewInstance, changes: Partial<NewRelease> = {}): NewRelease => ({
  id: ids.releaseId(randomUUID()),
  instance: instance.id,
  project: instance.project,
  content: aContent(),
  replicas: 1,
  createTime: 1_000,
  ...changes,
});

/** An instance with the release that it asks for. */
export async function storeInstance(tx: Tx, changes: Partial<NewInstance> = {}): Promise<NewInstance> {
  const instance = aNewInstance(changes);
  await insertInstance(tx, instance);
  await insertRelease(tx, aNewRelease(instance, { id: instance.requestedRelease }));
  await updateInstance(tx, instance.id, { requestedRelease: instance.requestedRelease });
  return instance;
}
