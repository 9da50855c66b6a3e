import type { ArtifactStore } from '../artifacts/artifact-store.ts';
import type { FetchAllow } from '../connections/fetch-allow.ts';
import type { BuildStore } from '../builds/build-store.ts';
import type { PassedOn } from '../builds/passed-on.ts';
import type { StepLimits } from '../builds/run-step.ts';
import type { SourceBuilds } from '../builds/source-builds.ts';
import type { Steps } from '../builds/steps.ts';
import type { Grants } from '../domain/grants.ts';
import type { LookClock } from '../domain/look.ts';
import type { Driver } from '../drivers/driver.ts';
import type { GitParts } from '../git/parts.ts';
import type { Ingress } from '../ingress/ingress.ts';
import type { Locator } from '../runtimes/locate.ts';
import type { Store } from '../store/open.ts';
import type { RoutePublisher } from './publish-routes.ts';

/** How long things may take, from the settings. */
export interface Limits {
  readonly readinessTimeoutMs: number;
  readonly stopGraceMs: number;
  readonly drainTimeoutMs: number;
  readonly maxPackageBytes: number;
  readonly keepReleases: number;
}

/** The live things that tasks work with; main.ts builds them once. */
export interface Parts {
  readonly store: Store;
  readonly driver: (name: string) => Driver;
  readonly looks: LookClock;
  readonly ingress: Ingress;
  readonly routes: RoutePublisher;
  readonly artifacts: ArtifactStore;
  readonly builds: BuildStore;
  /** Builds from code. */
  readonly sources: SourceBuilds;
  readonly fetchAllow: FetchAllow;
  readonly git: GitParts;
  readonly locator: Locator;
  /** What the operator lets projects have. */
  readonly grants: Grants;
  /** Users and fences of build steps. */
  readonly steps: Steps;
  /** Of the steps of packages; those of code have their own. */
  readonly stepLimits: Partial<StepLimits>;
  /** What build steps see of the platform's environment. */
  readonly buildVariables: PassedOn;
  readonly now: () => number;
  readonly limits: Limits;
}
