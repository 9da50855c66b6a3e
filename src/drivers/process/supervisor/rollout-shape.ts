import type { Envelope, SealedVariable } from '../../../domain/envelope.ts';
import type { HostId } from '../../../domain/ids.ts';
import type { Launch, LaunchFile } from '../../../domain/launch.ts';
import type { Hook } from '../../../domain/lifecycle.ts';
import type { LogRule } from '../../../domain/log-rule.ts';
import type { Placement } from '../../../domain/placement.ts';
import type { ReplicaBounds } from '../../../domain/replica-bounds.ts';
import type { Probe, ProbeCheck } from '../../../domain/release.ts';
import { exitCauses, readinessCodes } from '../../../domain/rollout.ts';
import type { Exit, Limits, Observed, Readiness, ReplicaId, Rollout } from '../../../domain/rollout.ts';
import type { Mount, Volume, VolumeSource } from '../../../domain/volume.ts';
import type { Workload } from '../../../domain/workload.ts';
import { boolean, both, either, list, natural, number, object, oneOf, record, text } from './shape.ts';
import type { Is } from './shape.ts';

const isEnvelope = object<Envelope>({ keyId: text, nonce: text, data: text }, {});
export const isVariable = object<SealedVariable>({ name: text, value: isEnvelope }, {});
const isLaunchFile = object<LaunchFile>({ path: text, content: text }, {});

const isLaunch = object<Launch>(
  {
    argv: list(text),
    cwd: text,
    env: record(text),
    portVariables: list(text),
    files: list(isLaunchFile),
    runtimeVersion: text,
  },
  { readinessPath: text },
);

const isProbeCheck: Is<ProbeCheck> = either(
  object<Extract<ProbeCheck, { type: 'http' }>>(
    { type: oneOf('http'), scheme: oneOf('HTTP', 'HTTPS'), path: text },
    { host: text },
  ),
  either(
    object<Extract<ProbeCheck, { type: 'tcp' }>>({ type: oneOf('tcp') }, {}),
    object<Extract<ProbeCheck, { type: 'command' }>>({ type: oneOf('command'), command: list(text) }, {}),
  ),
);
const isProbe: Is<Probe> = both(
  isProbeCheck,
  object<Pick<Probe, 'delayMs' | 'timeoutMs'>>({ delayMs: number, timeoutMs: number }, {}),
);
const isHook: Is<Hook> = either(
  object<Extract<Hook, { type: 'command' }>>({ type: oneOf('command'), command: list(text) }, {}),
  object<Extract<Hook, { type: 'http' }>>({ type: oneOf('http'), path: text }, { host: text }),
);
const isMount = object<Mount>({ path: text, readOnly: boolean }, { subPath: text });
const isLogRule = object<LogRule>(
  { rotate: oneOf('hourly', 'daily', 'weekly'), isPerReplica: boolean },
  { container: text },
);
const isVolume: Is<Volume> = both(
  either(
    object<Extract<VolumeSource, { kind: 'host' }>>({ kind: oneOf('host'), path: text, root: text }, {}),
    object<Extract<VolumeSource, { kind: 'empty' }>>({ kind: oneOf('empty'), inMemory: boolean }, {}),
  ),
  object<Pick<Volume, 'mounts' | 'logs'>>({ mounts: list(isMount) }, { logs: isLogRule }),
);
const isLimits = object<Limits>({ cpuMillis: number, memoryBytes: number }, {});

const isWorkload = object<Workload>({ form: oneOf('directory'), build: text, launch: isLaunch }, {});
const isRolloutPlacement = object<Placement>(
  { on: oneOf('hosts'), hosts: list<HostId>(text) },
  { user: natural },
);

export const isRollout = object<Rollout>(
  {
    instance: text,
    number: natural,
    placement: isRolloutPlacement,
    workload: isWorkload,
    releaseDir: text,
    env: list(isVariable),
    limits: isLimits,
    graceMs: number,
  },
  {
    readiness: isProbe,
    liveness: isProbe,
    postStart: isHook,
    preStop: isHook,
    volumes: list(isVolume),
  },
);

export const isReplicaId = object<ReplicaId>({ instance: text, rollout: natural, ordinal: natural }, {});
export const isExit = object<Exit>(
  { at: number },
  {
    code: number,
    signal: text,
    outOfMemory: boolean,
    unknown: boolean,
    cause: text,
    causeCode: oneOf(...exitCauses),
  },
);
const isBounds = object<ReplicaBounds>(
  {},
  {
    memoryBytes: number,
    cpuMillis: number,
    processes: natural,
    descriptorsOfProcess: natural,
    descriptors: natural,
    diskBytes: number,
    files: natural,
    logBytes: number,
    ports: natural,
  },
);
const isReadiness = object<Readiness>({ ready: boolean, code: oneOf(...readinessCodes), saw: text }, {});

export const isObserved = object<Observed>(
  {
    instance: text,
    rollout: natural,
    ordinal: natural,
    host: text,
    state: oneOf('starting', 'running', 'backoff', 'stopping', 'exited'),
    restarts: natural,
    readiness: isReadiness,
    enforced: list(text),
    runtimeVersion: text,
  },
  {
    address: object<{ readonly host: string; readonly port: number }>({ host: text, port: natural }, {}),
    bounds: isBounds,
    pid: natural,
    startedAt: number,
    lastExit: isExit,
    hopeless: text,
  },
);
