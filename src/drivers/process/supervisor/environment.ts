import { readFileSync } from 'node:fs';
import { delimiter, dirname } from 'node:path';
import { parseKey, unseal } from '../../../domain/envelope.ts';
import type { LaunchPlaces } from '../../../domain/launch.ts';
import type { Rollout } from '../../../domain/rollout.ts';
import { fillHere } from './own-node-here.ts';
import { LOOPBACK } from './ports.ts';
import type { ReplicaFiles } from './replica-files.ts';
import { SYSTEM_PATH } from './tools.ts';

/** By these a process is known as ours, whoever started it. */
export const REPLICA_MARK = 'OPENSTAGE_REPLICA';
export const HOME_MARK = 'OPENSTAGE_HOME';
/** Beside the marks: a probe's command, never taken for the application itself. */
export const PROBE_MARK = 'OPENSTAGE_PROBE';

export interface Marks {
  /** Names the data directory. */
  readonly home: string;
  readonly replica: string;
}

/** All that an application sees; nothing of the platform's own environment. */
export function environmentFor({
  rollout,
  files,
  port,
  marks,
  keyFile,
}: {
  readonly rollout: Rollout;
  readonly files: ReplicaFiles;
  readonly port: number;
  readonly marks: Marks;
  readonly keyFile: string;
}): Record<string, string> {
  const places = placesOf(rollout, files, port);
  const env: Record<string, string> = {
    PATH: [dirname(fillHere(rollout.workload.launch.argv[0] ?? '/bin/sh', places)), SYSTEM_PATH].join(
      delimiter,
    ),
    HOME: files.home,
    TMPDIR: files.tmp,
    LANG: 'C.UTF-8',
    TZ: 'UTC',
  };
  for (const [name, value] of Object.entries(rollout.workload.launch.env))
    env[name] = fillHere(value, places);
  const variables = files.variables();
  if (variables.length > 0) {
    const key = parseKey(readFileSync(keyFile, 'utf8'));
    for (const { name, value } of variables) env[name] = unseal(key, value);
  }
  for (const name of ['PORT', ...rollout.workload.launch.portVariables]) env[name] = String(port);
  for (const name of ['HOST', 'SERVER_ADDRESS']) env[name] = LOOPBACK;
  env[REPLICA_MARK] = marks.replica;
  env[HOME_MARK] = marks.home;
  return env;
}

export const placesOf = (rollout: Rollout, files: ReplicaFiles, port: number): LaunchPlaces => ({
  port,
  replicaDir: files.own,
  releaseDir: rollout.releaseDir,
  dataDir: files.dataDir,
});
