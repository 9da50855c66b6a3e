import type { Key } from '../domain/envelope.ts';
import type { RepoType } from '../domain/git.ts';
import type { Store } from '../store/open.ts';
import type { Reach } from './host-client.ts';

/** This platform as a client of a git host, as its operator registered it there. */
export interface OAuthApp {
  readonly clientId: string;
  readonly clientSecret: string;
  /** Where the host sends people back to; absent: the one that is registered. */
  readonly redirectUri?: string;
}

/** What the operator says of a type of host. */
export interface GitHostSettings {
  /** Base address, where it is not the official one. */
  readonly host?: string;
  readonly app?: OAuthApp;
}

export type GitSettings = Readonly<Partial<Record<RepoType, GitHostSettings>>>;

/** What this folder needs. */
export interface GitParts {
  readonly store: Store;
  readonly key: Key;
  readonly now: () => number;
  readonly newNonce: () => Buffer;
  readonly reach: Reach;
  readonly hosts: GitSettings;
}
