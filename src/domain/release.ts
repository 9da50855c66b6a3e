import type { Batches } from './batches.ts';
import type { SealedVariable } from './envelope.ts';
import type { BuildKey, Digest, InstanceId, ReleaseId } from './ids.ts';
import type { Launch } from './launch.ts';
import type { Lifecycle } from './lifecycle.ts';
import type { Volume } from './volume.ts';
import type { CodeSource } from './repository.ts';

export type Probe = ProbeCheck & {
  /** Between the start of the process and the first look. */
  readonly delayMs: number;
  /** Of one look. */
  readonly timeoutMs: number;
};

export type ProbeCheck =
  | {
      readonly type: 'http';
      readonly scheme: 'HTTP' | 'HTTPS';
      readonly path: string;
      readonly host?: string;
    }
  | { readonly type: 'tcp' }
  | { readonly type: 'command'; readonly command: readonly string[] };

export interface Artifact {
  readonly storage: string;
  readonly type: string;
  readonly url: string;
  readonly auth?: string;
  readonly version?: string;
  readonly properties?: Readonly<Record<string, unknown>>;
}

/** What a release is made from: a package, or code that becomes one. */
export type Source = Artifact | CodeSource;

export const isCode = (source: Source): source is CodeSource => 'kind' in source && source.kind === 'code';

/** A part of the platform a client names: {id, type} and what it sent beside them, echoed unchanged. */
export interface ReferResource {
  readonly id: string;
  readonly type: string;
  readonly refer_alias?: string;
  readonly parameters?: Readonly<Record<string, unknown>>;
}

export interface ExternalAccess {
  readonly id: string;
  /** Upper case. */
  readonly protocol?: string;
  readonly address?: string;
  readonly forwardPort?: number;
  readonly createTime: number;
  readonly updateTime: number;
}

export type Strategy = 'RollingUpdate' | 'Recreate';

/** What an instance is asked to be: the immutable content of a release. */
export interface ReleaseContent {
  /** The user's `version`; only a label. */
  readonly label: string;
  readonly flavorId: string;
  /** As sent with the instance; absent: the component's source was used. */
  readonly artifacts?: Readonly<Record<string, Artifact>>;
  /** What is deployed: resolved from `artifacts` or from the component's source when the request was accepted. */
  readonly source: Source;
  /** The instance's own variables. */
  readonly env: readonly SealedVariable[];
  /** The application's variables in that environment, as they were when the request was accepted; the instance's own win. */
  readonly inheritedEnv: readonly SealedVariable[];
  /** The other members of `configuration`, as sent. */
  readonly configuration: Readonly<Record<string, unknown>>;
  readonly strategy: Strategy;
  /** Of a rolling update; absent: all new replicas are started beside the old ones. */
  readonly batches?: Batches;
  readonly readiness?: Probe;
  readonly liveness?: Probe;
  readonly lifecycle?: Lifecycle;
  readonly volumes?: readonly Volume[];
  /** Directories of log files, mounted as volumes are. */
  readonly logs?: readonly Volume[];
  /** The one port that accesses and probes name; each replica listens on a port of its own instead. */
  readonly contractPort?: number;
  readonly externalAccesses: readonly ExternalAccess[];
  readonly referResources: readonly ReferResource[];
}

/** A release in the making has neither number nor digest; once it served it has all and never changes. */
export interface Release {
  readonly id: ReleaseId;
  readonly instance: InstanceId;
  /** 1, 2, 3 ... per instance; given in the transaction that makes it the serving one. */
  readonly number?: number;
  readonly content: ReleaseContent;
  readonly digest?: Digest;
  /** The commit that its code was at, where it was built from code. */
  readonly commit?: string;
  /** What the package was called when it was resolved. */
  readonly fileName?: string;
  readonly build?: BuildKey;
  readonly launch?: Launch;
  readonly createTime: number;
  readonly servedTime?: number;
}

/**
 * What the accesses of a release claim: a host, lower case, without scheme and port, or a host with the path below
 * which requests are its own: "shop.example.org", "shop.example.org/login".
 */
export function accessHosts({
  externalAccesses,
}: Pick<ReleaseContent, 'externalAccesses'>): readonly string[] {
  const claims = externalAccesses
    .map(({ address }) => claimOf(address ?? ''))
    .filter((claim) => claim !== '');
  return [...new Set(claims)];
}

function claimOf(address: string): string {
  const { host, path } = splitAddress(address);
  return `${host.replace(/:\d+$/, '')}${path.replace(/\/+$/, '')}`;
}

/** The path begins with "/", or is empty. The host has no case, the path has. */
export function splitAddress(address: string): { readonly host: string; readonly path: string } {
  const slash = address.indexOf('/');
  return slash === -1
    ? { host: address.toLowerCase(), path: '' }
    : { host: address.slice(0, slash).toLowerCase(), path: address.slice(slash) };
}
