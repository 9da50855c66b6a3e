import { Type, type Static } from 'typebox';
import { anything, EnvVariable, MAX_VARIABLES } from './shared.ts';

const MAX_WORDS = 100;
const MAX_ENTRIES = 100;

const text = (most: number) =>
  Type.String({ maxLength: most, description: `text of at most ${most} characters` });
const Words = Type.Array(text(4096), {
  maxItems: MAX_WORDS,
  description: `a list of at most ${MAX_WORDS} texts`,
});

export const Port = Type.Integer({ minimum: 1, maximum: 65535, description: 'a port from 1 to 65535' });
/** A timer's bound is 24 days; nobody waits longer than a day for a probe. */
const Seconds = Type.Integer({ minimum: 0, maximum: 86_400, description: 'whole seconds from 0 to 86400' });

/** What probes and hooks of type `http` ask. */
const target = {
  port: Type.Optional(Port),
  path: Type.Optional(
    Type.String({
      maxLength: 1024,
      pattern: '^(/[\\x21-\\x7e]*)?$',
      description: 'a path that begins with /',
    }),
  ),
  host: Type.Optional(
    Type.String({ maxLength: 253, pattern: '^[A-Za-z0-9._:-]*$', description: 'a host name' }),
  ),
  command: Type.Optional(Words),
};

const ProbeInput = Type.Object(
  {
    type: Type.Enum(['http', 'tcp', 'command']),
    parameters: Type.Object(
      {
        scheme: Type.Optional(
          Type.String({ pattern: '^([Hh][Tt][Tt][Pp][Ss]?)?$', description: 'HTTP or HTTPS' }),
        ),
        ...target,
      },
      { description: 'an object such as {port, path}' },
    ),
    delay: Type.Optional(Seconds),
    timeout: Type.Optional(Seconds),
  },
  { title: 'Probe', description: 'an object {type, parameters, delay, timeout}' },
);

const HookInput = Type.Object(
  {
    type: Type.Optional(Type.String({ pattern: '^(command|http)?$', description: 'command or http' })),
    parameters: Type.Optional(
      Type.Object(target, { description: 'an object {command} or {port, path, host}' }),
    ),
  },
  { title: 'Process', description: 'an object {type, parameters}' },
);

const LifecycleInput = Type.Object(
  {
    entrypoint: Type.Optional(
      Type.Object(
        { command: Type.Optional(Words), args: Type.Optional(Words) },
        { description: 'an object {command, args}' },
      ),
    ),
    'post-start': Type.Optional(HookInput),
    'pre-stop': Type.Optional(HookInput),
  },
  { title: 'Lifecycle', description: 'an object {entrypoint, post-start, pre-stop}' },
);

const Count = Type.Integer({ minimum: 0, maximum: 1000, description: 'a whole number from 0 to 1000' });

const StrategyInput = Type.Object(
  {
    upgrade: Type.Optional(Type.Enum(['RollingUpdate', 'Recreate'])),
    spec: Type.Optional(
      Type.Object(
        { maxSurge: Type.Optional(Count), maxUnavailable: Type.Optional(Count) },
        { description: 'an object {maxSurge, maxUnavailable}' },
      ),
    ),
  },
  { title: 'Strategy', description: 'an object {upgrade, spec}' },
);

const MountInput = Type.Object(
  {
    path: Type.String({ minLength: 1, maxLength: 1024, description: 'a directory' }),
    readOnly: Type.Optional(Type.Boolean({ description: 'true or false' })),
    subPath: Type.Optional(text(1024)),
  },
  { title: 'Mount', description: 'an object {path, readOnly, subPath}' },
);

const StorageInput = Type.Object(
  {
    type: Type.Enum(['HostPath', 'EmptyDir', 'ConfigMap', 'Secret', 'PersistentVolumeClaim']),
    parameters: Type.Optional(
      Type.Object(
        { path: Type.Optional(text(1024)), medium: Type.Optional(text(64)) },
        { description: 'an object such as {path} or {medium}' },
      ),
    ),
    mounts: Type.Optional(
      Type.Array(MountInput, {
        maxItems: MAX_ENTRIES,
        description: `a list of at most ${MAX_ENTRIES} {path, readOnly, subPath}`,
      }),
    ),
  },
  { title: 'Storage', description: 'an object {type, parameters, mounts}' },
);

const LogInput = Type.Object(
  {
    logPath: Type.Optional(text(1024)),
    rotate: Type.Optional(Type.Enum(['', 'Hourly', 'Daily', 'Weekly'])),
    hostPath: Type.Optional(text(1024)),
    hostExtendPath: Type.Optional(
      Type.Enum(['', 'None', 'PodUID', 'PodName', 'PodUID/ContainerName', 'PodName/ContainerName']),
    ),
  },
  { title: 'LogPolicy', description: 'an object {logPath, rotate, hostPath, hostExtendPath}' },
);

export const ConfigurationInput = Type.Object(
  {
    env: Type.Optional(
      Type.Array(EnvVariable, {
        maxItems: MAX_VARIABLES,
        description: `a list of at most ${MAX_VARIABLES} {name, value}`,
      }),
    ),
    strategy: Type.Optional(StrategyInput),
    probes: Type.Optional(
      Type.Object(
        { livenessProbe: Type.Optional(ProbeInput), readinessProbe: Type.Optional(ProbeInput) },
        { description: 'an object {livenessProbe, readinessProbe}' },
      ),
    ),
    storage: Type.Optional(
      Type.Array(StorageInput, {
        maxItems: MAX_ENTRIES,
        description: `a list of at most ${MAX_ENTRIES} {type, parameters, mounts}`,
      }),
    ),
    lifecycle: Type.Optional(LifecycleInput),
    scheduler: Type.Optional(anything('an object')),
    logs: Type.Optional(
      Type.Array(LogInput, {
        maxItems: MAX_ENTRIES,
        description: `a list of at most ${MAX_ENTRIES} {logPath, rotate, hostPath, hostExtendPath}`,
      }),
    ),
    container_spec: Type.Optional(anything('an object')),
  },
  {
    title: 'InstanceConfigurationInput',
    description: 'an object {env, strategy, probes, lifecycle, storage, logs}',
  },
);

export type ConfigurationInputWire = Static<typeof ConfigurationInput>;
export type ProbeInputWire = Static<typeof ProbeInput>;
export type HookInputWire = Static<typeof HookInput>;
export type LifecycleInputWire = Static<typeof LifecycleInput>;
export type StrategyInputWire = Static<typeof StrategyInput>;
export type LogInputWire = Static<typeof LogInput>;
export type StorageInputWire = Static<typeof StorageInput>;
