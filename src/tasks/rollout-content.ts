import type { SealedVariable } from '../domain/envelope.ts';
import { Problem } from '../domain/errors.ts';
import { limitsOf } from '../domain/flavor.ts';
import { withEntrypoint } from '../domain/lifecycle.ts';
import type { Release, ReleaseContent } from '../domain/release.ts';
import type { Rollout, RolloutContent } from '../domain/rollout.ts';
import type { Parts } from './parts.ts';

/**
 * Works out what a driver is given for a rollout. It is done once for each; whoever asks later is given what was kept.
 * So what is added here later holds for new rollouts: one that serves already is worked out as it was started.
 */
export function rolloutContent(
  { limits }: Pick<Parts, 'limits'>,
  { content, build, launch, instance }: Release,
  resourceEnv: readonly SealedVariable[],
): RolloutContent {
  if (!build || !launch) {
    throw new Problem(
      'releaseUnknown',
      `The release "${content.label}" of instance ${instance} was never built; deploy the instance again.`,
    );
  }
  const { readiness, liveness, lifecycle } = content;
  return {
    workload: { form: 'directory', build, launch: withEntrypoint(launch, lifecycle?.entrypoint) },
    env: lastOfEachName([...resourceEnv, ...content.inheritedEnv, ...content.env]),
    limits: limitsOf(content.flavorId),
    ...(readiness && { readiness }),
    ...(liveness && { liveness }),
    ...(lifecycle?.postStart && { postStart: lifecycle.postStart }),
    ...(lifecycle?.preStop && { preStop: lifecycle.preStop }),
    ...volumesOf(content),
    graceMs: limits.stopGraceMs,
  };
}

/** Storage and directories of logs are mounted alike. */
export function volumesOf({ volumes = [], logs = [] }: ReleaseContent): Pick<Rollout, 'volumes'> {
  return volumes.length + logs.length > 0 ? { volumes: [...volumes, ...logs] } : {};
}

/** The user's own variable wins over the application's, and that one over a resource's. */
function lastOfEachName(variables: readonly SealedVariable[]): readonly SealedVariable[] {
  const last = new Map(variables.map((variable) => [variable.name, variable]));
  return variables.filter((variable) => last.get(variable.name) === variable);
}
