import type { SealedVariable } from '../../domain/envelope.ts';
import type { ReleaseContent } from '../../domain/release.ts';
import type { Instance } from '../../store/instances.ts';
import { listJobs } from '../../store/jobs.ts';
import type { Db } from '../../store/open.ts';
import { listReleases } from '../../store/releases.ts';
import { listResourceEnv } from '../../store/rollouts.ts';
import type { Application } from '../../store/applications.ts';
import type { Component } from '../../store/components.ts';
import type { RuntimeInfo } from '../parts.ts';
import type { Shown } from './instances-wire.ts';

/** Shown where the component's runtime is known no more. */
const FALLBACK_PORT = 8080;

/**
 * What the answers of a page of one component's instances are made of, in three queries however long it is. Brief answers tell
 * nothing of variables.
 */
export async function loadShown(
  db: Db,
  parents: {
    readonly application: Application;
    readonly component: Component;
    readonly runtimes: readonly RuntimeInfo[];
  },
  instances: readonly Instance[],
  { isBrief = false } = {},
): Promise<readonly Shown[]> {
  const releases = await listReleases(db, instances.map(releaseShown));
  const jobs = await listJobs(
    db,
    instances.flatMap(({ lastJob }) => lastJob ?? []),
  );
  const given = await listResourceEnv(db, isBrief ? [] : instances);
  const runtime = parents.runtimes.find(({ typeName }) => typeName === parents.component.runtime);
  return instances.map((instance) => {
    const release = releases.get(releaseShown(instance));
    if (!release) throw new Error(`Instance ${instance.id} names a release that is not stored.`);
    const lastJob = instance.lastJob && jobs.get(instance.lastJob);
    return {
      instance,
      release,
      ...(lastJob && { lastJob }),
      given: notOwn(release.content, given.get(instance.id) ?? []),
      enterpriseProjectId: parents.application.enterpriseProjectId,
      defaultPort: runtime?.containerDefaultPort ?? FALLBACK_PORT,
    };
  });
}

function notOwn(
  { env, inheritedEnv }: ReleaseContent,
  given: readonly SealedVariable[],
): readonly SealedVariable[] {
  const set = new Set([...env, ...inheritedEnv].map(({ name }) => name));
  return given.filter(({ name }) => !set.has(name));
}

/** The serving one; before there is one, the one that was asked for. */
const releaseShown = ({ servingRelease, requestedRelease }: Instance) => servingRelease ?? requestedRelease;
