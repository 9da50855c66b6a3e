import type { Batches } from './batches.ts';
import type { Entrypoint, Hook } from './lifecycle.ts';
import type { Artifact, Probe, ReferResource, Strategy } from './release.ts';
import type { EnvironmentId } from './ids.ts';
import type { Rotate } from './log-rule.ts';
import type { Mount } from './volume.ts';

/** What callers ask of an instance, after the wire form has been read. An absent member was not sent. */
export interface Variable {
  readonly name: string;
  readonly value: string;
}

/** A probe names the contract's port; replicas listen on ports of their own. */
export type ProbeRequest = Probe & { readonly port?: number };

/** As a probe: the port is the contract's. */
export type HookRequest = Hook & { readonly port?: number };

export interface LifecycleRequest {
  readonly entrypoint?: Entrypoint;
  readonly postStart?: HookRequest;
  readonly preStop?: HookRequest;
}

/** What the operator allows of it is not known yet. */
export type VolumeRequest = { readonly mounts: readonly Mount[] } & (
  { readonly kind: 'host'; readonly path: string } | { readonly kind: 'empty'; readonly inMemory: boolean }
);

/** `hostPath` absent: a directory of the replica. */
export interface LogRequest {
  readonly rotate: Rotate;
  readonly isPerReplica: boolean;
  /** In a directory of the instance's name. */
  readonly isPerContainer: boolean;
  readonly path: string;
  readonly hostPath?: string;
}

export interface ConfigurationRequest {
  readonly env?: readonly Variable[];
  readonly strategy?: { readonly upgrade: Strategy; readonly batches?: Batches };
  readonly probes?: { readonly readiness?: ProbeRequest; readonly liveness?: ProbeRequest };
  readonly lifecycle?: LifecycleRequest;
  readonly volumes?: readonly VolumeRequest[];
  readonly logs?: readonly LogRequest[];
  /** Every member besides `env`, as sent, to be echoed. */
  readonly sent: Readonly<Record<string, unknown>>;
}

export interface AccessRequest {
  readonly id?: string;
  readonly protocol?: string;
  readonly address?: string;
  readonly forwardPort?: number;
}

export interface ChangeRequest {
  readonly label: string;
  readonly name?: string;
  readonly environment?: EnvironmentId;
  readonly replicas?: number;
  readonly flavorId?: string;
  readonly description?: string;
  readonly artifacts?: Readonly<Record<string, Artifact>>;
  readonly configuration?: ConfigurationRequest;
  readonly externalAccesses?: readonly AccessRequest[];
  readonly referResources?: readonly ReferResource[];
}

export interface CreateRequest extends ChangeRequest {
  readonly name: string;
  readonly environment: EnvironmentId;
  readonly replicas: number;
  readonly flavorId: string;
  readonly referResources: readonly ReferResource[];
}

export type ActionRequest =
  | { readonly action: 'start' | 'stop' | 'restart' }
  | { readonly action: 'scale'; readonly replicas?: number; readonly hosts?: readonly string[] }
  | { readonly action: 'rollback'; readonly version: string };

/** Stands for a value that its reader may not see; sent back under an existing name it keeps what is stored. */
export const MASKED = '******';
