import { Problem } from '../../domain/errors.ts';
import type { SealedVariable } from '../../domain/envelope.ts';
import { isPlatformVariable } from '../../domain/platform-variables.ts';
import type { ReleaseContent } from '../../domain/release.ts';
import { MASKED, type ConfigurationRequest, type ProbeRequest } from '../../domain/request.ts';
import type { ShowValue } from '../shown-values.ts';
import { isEmpty, withoutEmpty } from './empty.ts';
import { assertProgram, readLifecycle } from './lifecycle-wire.ts';
import { readLogs } from './logs-wire.ts';
import type { ConfigurationInputWire, ProbeInputWire, StrategyInputWire } from './schemas/configuration.ts';
import type { InstanceWire } from './schemas/instance.ts';
import { readStorage } from './storage-wire.ts';
import { readVariables } from './variables-wire.ts';

/** Known to the contract and impossible on processes: refused rather than forgotten. */
const impossible = {
  scheduler:
    'chooses zones, nodes and neighbours for containers; processes run on the hosts that refer_resources picks with parameters.hosts',
  container_spec:
    'describes several containers in one instance; a process is one, so make an instance of each',
} as const;

/** Where a probe says none: as in the systems that the contract comes from. */
const DEFAULT_TIMEOUT_S = 1;

export function readConfiguration(sent: ConfigurationInputWire): ConfigurationRequest {
  for (const [name, reason] of Object.entries(impossible)) {
    const member = Object.entries(sent).find(([key]) => key === name)?.[1];
    if (isEmpty(member)) continue;
    throw new Problem('invalid', `Field "configuration.${name}" ${reason}; leave it out.`);
  }
  const { env, strategy, probes, storage, lifecycle, scheduler, logs, container_spec } = sent;
  const echoed = {
    strategy,
    probes: probes && upperSchemes(probes),
    storage,
    lifecycle,
    scheduler,
    logs,
    container_spec,
  };
  return {
    ...(env && { env: readVariables(env) }),
    ...(strategy && { strategy: readStrategy(strategy) }),
    ...(probes && {
      probes: {
        ...optional('readiness', probes.readinessProbe, 'readinessProbe'),
        ...optional('liveness', probes.livenessProbe, 'livenessProbe'),
      },
    }),
    ...(storage && { volumes: readStorage(storage) }),
    ...(logs && { logs: isEmpty(logs) ? [] : readLogs(logs) }),
    ...(lifecycle && { lifecycle: readLifecycle(lifecycle) }),
    sent: Object.fromEntries(Object.entries(echoed).filter(([, member]) => member !== undefined)),
  };
}

type ProbesWire = NonNullable<ConfigurationInputWire['probes']>;

/** Taken in any case and empty, answered as typed clients know it. */
function upperSchemes(probes: ProbesWire): ProbesWire {
  const upper = (probe: ProbeInputWire | undefined): ProbeInputWire | undefined => {
    if (probe?.parameters.scheme === undefined) return probe;
    const { scheme, ...others } = probe.parameters;
    return {
      ...probe,
      parameters: { ...(scheme !== '' && { scheme: scheme.toUpperCase() }), ...others },
    };
  };
  const livenessProbe = upper(probes.livenessProbe);
  const readinessProbe = upper(probes.readinessProbe);
  return { ...probes, ...(livenessProbe && { livenessProbe }), ...(readinessProbe && { readinessProbe }) };
}

/** Without a bound on the surge all new replicas are started beside the old ones, and none is ever missing. */
function readStrategy({
  upgrade = 'RollingUpdate',
  spec,
}: StrategyInputWire): NonNullable<ConfigurationRequest['strategy']> {
  const { maxSurge, maxUnavailable = 0 } = spec ?? {};
  if (upgrade === 'Recreate' && !isEmpty(spec)) {
    throw new Problem(
      'invalid',
      'Field "configuration.strategy.spec" says how a RollingUpdate goes; with Recreate leave it out.',
    );
  }
  if (maxSurge === 0 && maxUnavailable === 0) {
    throw new Problem(
      'invalid',
      'Fields "configuration.strategy.spec.maxSurge" and "maxUnavailable" are both 0; expected at least one above 0, ' +
        'since otherwise no replica could be replaced.',
    );
  }
  return { upgrade, ...(maxSurge !== undefined && { batches: { maxSurge, maxUnavailable } }) };
}

function optional<Name extends 'readiness' | 'liveness'>(
  name: Name,
  sent: ProbeInputWire | undefined,
  wireName: string,
): { readonly [N in Name]?: ProbeRequest } {
  const probe = sent && readProbe(sent, `configuration.probes.${wireName}.parameters`);
  const members: { [N in Name]?: ProbeRequest } = {};
  if (probe) members[name] = probe;
  return members;
}

function readProbe({ type, parameters, delay, timeout }: ProbeInputWire, path: string): ProbeRequest {
  const { scheme, port, path: place, host, command } = parameters;
  const timing = { delayMs: (delay ?? 0) * 1000, timeoutMs: (timeout || DEFAULT_TIMEOUT_S) * 1000 };
  if (type === 'command') {
    const words = command ?? [];
    assertProgram(words, `${path}.command`);
    return { type, command: words, ...timing };
  }
  if (port === undefined) {
    throw new Problem('invalid', `Field "${path}.port" is missing; expected a port from 1 to 65535.`);
  }
  if (type === 'tcp') return { type, port, ...timing };
  return {
    type,
    port,
    scheme: scheme?.toUpperCase() === 'HTTPS' ? 'HTTPS' : 'HTTP',
    path: place || '/',
    ...(host && { host }),
    ...timing,
  };
}

/** The variables as the caller may see them, those that were given marked as such, and what else was sent. */
export function configurationWire(
  show: ShowValue,
  { env, configuration }: ReleaseContent,
  given: readonly SealedVariable[],
): InstanceWire['configuration'] {
  const variables = [
    ...env.map(({ name, value }) => ({ name, value: show(value), internal: false })),
    ...given.map(({ name, value }) => ({
      name,
      value: isPlatformVariable(name) ? show(value) : MASKED,
      internal: true,
    })),
  ];
  return {
    ...(variables.length > 0 && { env: variables }),
    ...withoutEmpty(configuration),
  };
}
