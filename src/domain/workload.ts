import type { BuildKey } from './ids.ts';
import type { Launch } from './launch.ts';

/** What a driver starts, as data: kept with the rollout, so that a rollback builds nothing. The form says which kinds of driver can run it. */
export type Workload = DirectoryWorkload;

/** A build's directory on the host, and how it is started there. */
export interface DirectoryWorkload {
  readonly form: 'directory';
  readonly build: BuildKey;
  readonly launch: Launch;
}
