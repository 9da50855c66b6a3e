import { Problem } from './errors.ts';

/** The kinds of repository host that the contract names; on the wire in lower case. */
export const repoTypes = ['github', 'gitlab', 'gitee', 'bitbucket', 'devcloud'] as const;
export type RepoType = (typeof repoTypes)[number];

/** Whose REST API a host speaks. Gitea and Forgejo stand behind an authorization of another type. */
export const hostApis = [...repoTypes, 'gitea'] as const;
export type HostApi = (typeof hostApis)[number];

/** How an authorization was made. */
export const tokenTypes = ['oauth', 'personal', 'password'] as const;
export type TokenType = (typeof tokenTypes)[number];

/** The contract's whole numbers: as last observed. */
export const authorizationStatus = { normal: 0, overdue: 1, unauthenticated: 2 } as const;

/** What opens a host. Sealed at rest, in the clear only while a host is asked. */
export type Credential =
  | { readonly kind: 'token'; readonly token: string }
  | { readonly kind: 'password'; readonly user: string; readonly password: string }
  | {
      readonly kind: 'oauth';
      readonly token: string;
      readonly refreshToken?: string;
      /** Milliseconds since 1970; absent: it does not expire. */
      readonly expireTime?: number;
    };

/** What git itself is given over HTTP. */
export interface CloneCredential {
  readonly user: string;
  readonly password: string;
}

/** The user name that a host wants beside a token; any password authorization has its own. */
export function cloneCredential(api: HostApi, user: string, credential: Credential): CloneCredential {
  if (credential.kind === 'password') return { user: credential.user, password: credential.password };
  const { token } = credential;
  switch (api) {
    case 'github':
      return { user: 'x-access-token', password: token };
    case 'gitlab':
      return { user: 'oauth2', password: token };
    case 'bitbucket':
      return { user: 'x-token-auth', password: token };
    case 'gitee':
    case 'gitea':
    case 'devcloud':
      return { user, password: token };
    default:
      throw new Error(`There is no host API "${String(api satisfies never)}".`);
  }
}

/** Where DevCloud keeps repositories: its hosts differ by region. */
const DEVCLOUD_DOMAIN = '.huaweicloud.com';

/**
 * The path of a repository below its host, without ".git": "shop/cart". Undefined where the address lies elsewhere:
 * a credential goes to the very origin that it was made for, and nowhere else.
 */
export function repositoryPath(host: string, cloneUrl: string): string | undefined {
  if (!URL.canParse(cloneUrl) || !URL.canParse(host)) return undefined;
  const url = new URL(cloneUrl);
  const base = new URL(host);
  const isSameOrigin = url.origin === base.origin;
  const isDevCloud =
    url.protocol === 'https:' &&
    base.protocol === 'https:' &&
    base.hostname.endsWith(DEVCLOUD_DOMAIN) &&
    url.hostname.endsWith(DEVCLOUD_DOMAIN);
  if (!(isSameOrigin || isDevCloud) || url.username !== '' || url.password !== '') return undefined;
  const prefix = isDevCloud ? '/' : `${base.pathname.replace(/\/+$/, '')}/`;
  if (!url.pathname.startsWith(prefix)) return undefined;
  const path = decoded(url.pathname.slice(prefix.length))
    ?.replace(/\/+$/, '')
    .replace(/\.git$/, '');
  return path !== undefined && isPlainPath(path) && path.includes('/') ? path : undefined;
}

/** One text per repository, for comparison: host, port and path, whatever the scheme, case and ending. */
export function repositoryKey(address: string): string | undefined {
  const scp = /^(?:[^@/\s]+@)?([^:/\s]+):(?!\/)(\S+)$/.exec(address);
  if (scp) return keyOf(scp[1] ?? '', scp[2] ?? '');
  if (!URL.canParse(address)) return undefined;
  const url = new URL(address);
  return keyOf(url.protocol === 'ssh:' ? url.hostname : url.host, decoded(url.pathname) ?? '');
}

function keyOf(host: string, path: string): string | undefined {
  const bare = path.replace(/^\/+|\/+$/g, '').replace(/\.git$/i, '');
  return host === '' || bare === '' ? undefined : `${host}/${bare}`.toLowerCase();
}

/** Of names only: what a URL would read as a step upwards, or as nothing, is no part of a path. */
export const isPlainPath = (path: string): boolean =>
  path.split('/').every((part) => part !== '' && part !== '.' && part !== '..');

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

/** The base address of a host as it is kept: http or https, a host, perhaps a path, nothing else. */
export function hostAddress(text: string): string {
  const given = /^[a-z]+:\/\//i.test(text) ? text : `https://${text}`;
  const url = URL.canParse(given) ? new URL(given) : undefined;
  const isPlain =
    url !== undefined &&
    (url.protocol === 'http:' || url.protocol === 'https:') &&
    url.hostname !== '' &&
    `${url.username}${url.password}${url.search}${url.hash}` === '';
  if (!isPlain) {
    throw new Problem(
      'gitInvalid',
      'host is not the base address of a git host; expected http:// or https://, a host and perhaps a path, such as https://git.example.org, without user, query or fragment.',
    );
  }
  return `${url.origin}${url.pathname.replace(/\/+$/, '')}`;
}
