import type { FastifyBaseLogger } from 'fastify';
import type { Services } from '../actions/caller.ts';
import type { ArtifactStore } from '../artifacts/artifact-store.ts';
import type { HostFenceSeen } from '../domain/fences.ts';
import type { Permission } from '../domain/permission.ts';
import type { GitParts } from '../git/parts.ts';
import type { Authenticator } from '../iam/authenticate.ts';
import type { SignIn } from '../iam/sign-in.ts';
import type { Tls } from './listeners.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The body is read as it comes, for as long as it comes. */
    isStreamed?: boolean;
    /** The body may hold the caller's token, where neither header nor signature tells who it is. */
    mayHoldToken?: boolean;
    /**
     * What the caller must be allowed to do. `public`: whoever asks is answered; `own`: everybody who is signed in, since
     * the route shows and changes nothing but what is the caller's own. A route without one answers nobody.
     */
    permission?: Permission | 'public' | 'own';
    /** A temporary key may ask for it, although it changes something of identity: nothing of that outlasts the key. */
    endsWithKey?: boolean;
    /** It is accepted on a full disk too. */
    mayFreeRoom?: boolean;
  }
}

/** A runtime as `GET metadata/runtimes` tells it; where it is not installed its description says what to install. */
export interface RuntimeInfo {
  readonly typeName: string;
  readonly displayName: string;
  readonly containerDefaultPort: number;
  readonly typeDesc: string;
}

/** What main.ts gives the API. */
export interface ApiSettings {
  readonly services: Services;
  readonly artifacts: Pick<ArtifactStore, 'put' | 'open'>;
  readonly git: GitParts;
  /** Tells that a push was written down. */
  readonly followPushes: () => void;
  readonly runtimes: () => Promise<readonly RuntimeInfo[]>;
  /** A sentence on what is not ready; undefined when all is. */
  readonly notReady: () => Promise<string | undefined>;
  /** A sentence on the disk where it is full. */
  readonly whyNoRoom: () => Promise<string | undefined>;
  /** What holds applications apart on this host, as it was found. */
  readonly fences: () => readonly HostFenceSeen[];
  readonly bind: string;
  /** 0 takes a free one. */
  readonly httpPort: number;
  readonly httpsPort: number;
  readonly tls: Tls;
  /** Asked at each answer, since a port of 0 is known only later. */
  readonly ingressPort: () => number;
  readonly region: string;
  readonly version: string;
  readonly maxPackageBytes: number;
  readonly log: FastifyBaseLogger;
}

/** What routes get: the settings and what the API made of them. */
export interface Parts extends ApiSettings {
  readonly authenticator: Authenticator;
  readonly signIn: SignIn;
  /** After a change of users, keys or roles: the next request sees it. */
  readonly forgetSessions: () => void;
  /** Names and ports of runtimes, which do not change while the platform runs; what is installed may. */
  readonly knownRuntimes: () => Promise<readonly RuntimeInfo[]>;
}
