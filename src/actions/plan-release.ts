import { isDeepStrictEqual } from 'node:util';
import { unseal, type SealedVariable } from '../domain/envelope.ts';
import { Problem } from '../domain/errors.ts';
import { assertFlavor } from '../domain/flavor.ts';
import type { Hook, Lifecycle } from '../domain/lifecycle.ts';
import { assertFetched, fetchAddress } from '../domain/package-address.ts';
import {
  isCode,
  type ExternalAccess,
  type Probe,
  type ReleaseContent,
  type Source,
} from '../domain/release.ts';
import type {
  AccessRequest,
  ChangeRequest,
  ConfigurationRequest,
  HookRequest,
  LifecycleRequest,
  ProbeRequest,
} from '../domain/request.ts';
import type { Services } from './caller.ts';
import { planLogs } from './plan-logs.ts';
import { assertApart, planVolumes } from './plan-volumes.ts';
import { sealVariables } from './seal-variables.ts';
import { assertVariables } from '../domain/variables.ts';

type Sealing = Pick<Services, 'key' | 'newNonce' | 'newId' | 'now' | 'grants'>;

/** What a release is planned from, besides the request. */
export interface Surroundings {
  /** The component's own source, used where the instance never got artifacts of its own. */
  readonly componentSource: Source | undefined;
  readonly inheritedEnv: readonly SealedVariable[];
  /** Name of the project, by which the operator grants. */
  readonly project: string;
  /** Of the instance, which may name a directory for its logs. */
  readonly name: string;
}

/** The content of a first release, or of the next one where there is a release to change. */
export function planRelease(
  sealing: Sealing,
  request: ChangeRequest,
  surroundings: Surroundings,
  current?: ReleaseContent,
): ReleaseContent {
  const flavorId = request.flavorId ?? current?.flavorId ?? '';
  assertFlavor(flavorId);
  const { configuration } = request;
  const artifacts = request.artifacts ?? current?.artifacts;
  const probes = configuration?.probes;
  const externalAccesses = request.externalAccesses
    ? request.externalAccesses.map((access) => planAccess(sealing, access, current?.externalAccesses ?? []))
    : (current?.externalAccesses ?? []);
  const readiness = probes ? bare(probes.readiness) : current?.readiness;
  const liveness = probes ? bare(probes.liveness) : current?.liveness;
  const lifecycle = configuration?.lifecycle ? bareLifecycle(configuration.lifecycle) : current?.lifecycle;
  const batches = configuration?.strategy ? configuration.strategy.batches : current?.batches;
  const volumes = configuration?.volumes
    ? planVolumes(sealing.grants, surroundings.project, configuration.volumes)
    : current?.volumes;
  const logs = configuration?.logs
    ? planLogs(sealing.grants, surroundings, configuration.logs)
    : current?.logs;
  assertApart([...(volumes ?? []), ...(logs ?? [])]);
  const env = configuration?.env
    ? sealVariables(sealing, configuration.env, current?.env ?? [])
    : (current?.env ?? []);
  assertVariables(
    [...surroundings.inheritedEnv, ...env],
    'The variables of the instance (configuration.env) and those that it inherits from its application',
  );
  const contractPort = onePort(externalAccesses, configuration, current);
  return {
    label: request.label,
    flavorId,
    ...(artifacts && { artifacts }),
    source: sourceOf(artifacts, surroundings.componentSource),
    env,
    inheritedEnv: surroundings.inheritedEnv,
    configuration: { ...current?.configuration, ...configuration?.sent },
    strategy: configuration?.strategy?.upgrade ?? current?.strategy ?? 'RollingUpdate',
    ...(batches && { batches }),
    ...(readiness && { readiness }),
    ...(liveness && { liveness }),
    ...(lifecycle && Object.keys(lifecycle).length > 0 && { lifecycle }),
    ...(volumes && volumes.length > 0 && { volumes }),
    ...(logs && logs.length > 0 && { logs }),
    ...(contractPort !== undefined && { contractPort }),
    externalAccesses,
    referResources: request.referResources ?? current?.referResources ?? [],
  };
}

/** Whether two contents would run and read the same; a sealed value differs in every sealing, so values are compared unsealed. */
export function isSameContent(
  sealing: Pick<Services, 'key'>,
  left: ReleaseContent,
  right: ReleaseContent,
): boolean {
  const open = (variables: readonly SealedVariable[]) =>
    variables.map(({ name, value }) => [name, unseal(sealing.key, value)]);
  const comparable = ({ env, inheritedEnv, externalAccesses, ...rest }: ReleaseContent) => ({
    ...rest,
    env: open(env),
    inheritedEnv: open(inheritedEnv),
    externalAccesses: externalAccesses.map(({ protocol, address, forwardPort }) => ({
      protocol,
      address,
      forwardPort,
    })),
  });
  return isDeepStrictEqual(comparable(left), comparable(right));
}

function sourceOf(artifacts: ReleaseContent['artifacts'], componentSource: Source | undefined): Source {
  const own = Object.values(artifacts ?? {});
  if (own.length > 1) {
    throw new Problem(
      'invalid',
      `artifacts holds ${own.length} entries; expected one: an instance on processes runs one package.`,
    );
  }
  const source = own[0] ?? componentSource;
  if (!source) {
    throw new Problem(
      'noArtifact',
      'artifacts is missing and the component has no source; send one of them.',
    );
  }
  if (isCode(source)) return source;
  if (source.type !== 'package') {
    throw new Problem(
      'invalid',
      `artifacts: type "${source.type}" needs a container driver, which this platform does not have; expected "package".`,
    );
  }
  assertFetched(source, own[0] ? `artifacts.${Object.keys(artifacts ?? {})[0]}` : 'source.spec');
  fetchAddress(source);
  return source;
}

function planAccess(
  sealing: Sealing,
  access: AccessRequest,
  current: readonly ExternalAccess[],
): ExternalAccess {
  const known = current.find(({ id, address }) =>
    access.id ? id === access.id : address === access.address,
  );
  const now = sealing.now();
  return {
    id: known?.id ?? sealing.newId(),
    ...(access.protocol !== undefined && { protocol: access.protocol.toUpperCase() }),
    ...(access.address !== undefined && { address: access.address }),
    ...(access.forwardPort !== undefined && { forwardPort: access.forwardPort }),
    createTime: known?.createTime ?? now,
    updateTime: now,
  };
}

function bare(probe: ProbeRequest | undefined): Probe | undefined {
  if (!probe) return undefined;
  const { port: _, ...rest } = probe;
  return rest;
}

function bareLifecycle({ entrypoint, postStart, preStop }: LifecycleRequest): Lifecycle {
  return {
    ...(entrypoint && { entrypoint }),
    ...(postStart && { postStart: bareHook(postStart) }),
    ...(preStop && { preStop: bareHook(preStop) }),
  };
}

function bareHook({ port: _, ...hook }: HookRequest): Hook {
  return hook;
}

/** On processes an instance has one port of the contract, which stands for each replica's own. */
function onePort(
  accesses: readonly ExternalAccess[],
  { probes, lifecycle }: Pick<ConfigurationRequest, 'probes' | 'lifecycle'> = {},
  current: ReleaseContent | undefined,
): number | undefined {
  const named = [
    ...accesses.map((access) => ({ place: 'external_accesses.forward_port', port: access.forwardPort })),
    { place: 'probes.readinessProbe', port: probes?.readiness?.port },
    { place: 'probes.livenessProbe', port: probes?.liveness?.port },
    { place: 'lifecycle.post-start', port: lifecycle?.postStart?.port },
    { place: 'lifecycle.pre-stop', port: lifecycle?.preStop?.port },
  ].filter((entry): entry is { place: string; port: number } => entry.port !== undefined);
  if (current?.contractPort !== undefined) {
    const port = current.contractPort;
    if (!probes && (current.readiness ?? current.liveness)) named.push({ place: 'the stored probes', port });
    const hooks = [current.lifecycle?.postStart, current.lifecycle?.preStop];
    if (!lifecycle && hooks.some((hook) => hook?.type === 'http'))
      named.push({ place: 'the stored lifecycle', port });
  }
  const [first] = named;
  const other = named.find(({ port }) => port !== first?.port);
  if (first && other) {
    throw new Problem(
      'invalid',
      `${first.place} is ${first.port} and ${other.place} is ${other.port}; expected one port: on processes an instance ` +
        'listens on one, given to it in PORT.',
    );
  }
  return first?.port;
}
