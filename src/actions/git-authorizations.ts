import { createHash, randomBytes } from 'node:crypto';
import { seal } from '../domain/envelope.ts';
import { Problem } from '../domain/errors.ts';
import {
  authorizationStatus,
  hostAddress,
  repoTypes,
  type Credential,
  type HostApi,
  type RepoType,
  type TokenType,
} from '../domain/git.ts';
import type { Account } from '../git/git-host.ts';
import { consentUrl, exchangeCode } from '../git/oauth.ts';
import { apiOf, officialHost, openHost } from '../git/open-host.ts';
import type { GitParts, OAuthApp } from '../git/parts.ts';
import {
  deleteGitAuthorization,
  findGitAuthorization,
  insertGitAuthorization,
  type GitAuthorization,
} from '../store/git-authorizations.ts';
import { insertGitConsent, takeGitConsent } from '../store/git-consents.ts';
import type { Caller } from './caller.ts';

/** Which types may be authorized in which way, as the contract lists them. */
const typesBy: Readonly<Record<TokenType, readonly RepoType[]>> = {
  oauth: ['github', 'gitlab', 'gitee', 'bitbucket'],
  password: ['github', 'devcloud', 'bitbucket'],
  personal: ['github', 'gitlab', 'gitee'],
};

/** Between the consent page and its answer. */
const CONSENT_MS = 10 * 60_000;
const STATE_BYTES = 32;

interface NewAuthorization {
  readonly name: string;
  /** As it stands in the address, in any case. */
  readonly type: string;
  /** Absent: the operator's, or the official one. */
  readonly host?: string;
}

export function createPersonalAuthorization(
  parts: GitParts,
  caller: Caller,
  { token, ...request }: NewAuthorization & { readonly token: string },
): Promise<GitAuthorization> {
  return create(parts, caller, 'personal', { ...request, credential: { kind: 'token', token } });
}

export function createPasswordAuthorization(
  parts: GitParts,
  caller: Caller,
  { user, password, ...request }: NewAuthorization & { readonly user: string; readonly password: string },
): Promise<GitAuthorization> {
  return create(parts, caller, 'password', { ...request, credential: { kind: 'password', user, password } });
}

/** Where a person consents. The state that comes back is good for one use by the same user, for the same type and tag. */
export async function requestConsent(
  parts: GitParts,
  caller: Caller,
  request: { readonly type: string; readonly tag?: string },
): Promise<string> {
  const type = typeOf(request.type, 'oauth');
  const place = await placeOf(parts, type);
  const state = randomBytes(STATE_BYTES).toString('base64url');
  const now = parts.now();
  const consent = {
    stateHash: hashOf(state),
    project: caller.project,
    user: caller.user,
    repoType: type,
    ...(request.tag !== undefined && { tag: request.tag }),
    expireTime: now + CONSENT_MS,
  };
  await parts.store.write((tx) => insertGitConsent(tx, consent, now));
  return consentUrl(place, state);
}

export async function createConsentedAuthorization(
  parts: GitParts,
  caller: Caller,
  request: {
    readonly name: string;
    readonly type: string;
    readonly code: string;
    readonly state: string;
    readonly tag?: string;
  },
): Promise<GitAuthorization> {
  const { name, tag } = request;
  const type = typeOf(request.type, 'oauth');
  const place = await placeOf(parts, type);
  await assertFree(parts, caller, name);
  const now = parts.now();
  const consent = await parts.store.write((tx) => takeGitConsent(tx, hashOf(request.state)));
  const isAskedFor =
    consent?.project === caller.project &&
    consent.user === caller.user &&
    consent.repoType === type &&
    consent.tag === tag &&
    consent.expireTime > now;
  if (!isAskedFor) {
    throw new Problem(
      'gitStateInvalid',
      'state was not given out for this user, project, type and tag, was used before, or is older than ten minutes; ask for a new address with GET redirect.',
    );
  }
  const credential = await exchangeCode(parts.reach, place, { code: request.code, now });
  const { api, host } = place;
  return store(parts, caller, { name, type, api, host, credential, tokenType: 'oauth', tag });
}

/** A 404 where there is none, so that clients take it for gone. */
export async function removeAuthorization(
  { store: { write } }: GitParts,
  caller: Caller,
  name: string,
): Promise<void> {
  if (await write((tx) => deleteGitAuthorization(tx, caller.project, name))) return;
  throw new Problem(
    'gitUnknown',
    `The git authorization ${JSON.stringify(name.slice(0, 63))} does not exist in this project; it may be deleted already.`,
  );
}

async function create(
  parts: GitParts,
  caller: Caller,
  tokenType: TokenType,
  request: NewAuthorization & { readonly credential: Credential },
): Promise<GitAuthorization> {
  const { name, credential } = request;
  const type = typeOf(request.type, tokenType);
  const host = request.host === undefined ? hostOf(parts, type) : hostAddress(request.host);
  await assertFree(parts, caller, name);
  const api = await apiOf(parts.reach, type, { host, credential });
  return store(parts, caller, { name, type, api, host, credential, tokenType });
}

/** Nothing is kept that its host does not take. */
async function store(
  parts: GitParts,
  caller: Caller,
  one: {
    readonly name: string;
    readonly type: RepoType;
    readonly api: HostApi;
    readonly host: string;
    readonly credential: Credential;
    readonly tokenType: TokenType;
    readonly tag?: string | undefined;
  },
): Promise<GitAuthorization> {
  const { name, api, host, credential, tokenType, tag } = one;
  const account = await accountOf(parts, one);
  const now = parts.now();
  const authorization = {
    project: caller.project,
    name,
    repoType: one.type,
    api,
    host,
    home: account.home === '' ? host : account.home,
    userName: account.userName,
    avatar: account.avatar,
    tokenType,
    ...(tag !== undefined && { tag }),
    secret: seal(parts.key, JSON.stringify(credential), parts.newNonce()),
    status: authorizationStatus.normal,
    creator: caller.userName,
    createTime: now,
  };
  if (!(await parts.store.write((tx) => insertGitAuthorization(tx, authorization)))) throw nameTaken(name);
  return { ...authorization, updateTime: now };
}

async function accountOf(
  parts: GitParts,
  {
    api,
    host,
    credential,
  }: { readonly api: HostApi; readonly host: string; readonly credential: Credential },
): Promise<Account> {
  // It has no call that would tell; cloning does.
  if (api === 'devcloud')
    return { userName: credential.kind === 'password' ? credential.user : '', home: host, avatar: '' };
  return openHost(parts.reach, { api, host, userName: '', credential }).account();
}

async function assertFree({ store: { read } }: GitParts, caller: Caller, name: string): Promise<void> {
  if (await findGitAuthorization(read, caller.project, name)) throw nameTaken(name);
}

const nameTaken = (name: string) =>
  new Problem(
    'gitNameTaken',
    `A git authorization named "${name}" exists in this project already; choose another name, or delete it first.`,
  );

function typeOf(text: string, tokenType: TokenType): RepoType {
  const known = repoTypes.find((type) => type === text.toLowerCase());
  if (known && typesBy[tokenType].includes(known)) return known;
  throw new Problem(
    'gitTypeUnsupported',
    `Repositories of type ${JSON.stringify(text.slice(0, 60))} cannot be authorized by ${tokenType}; expected one of ${typesBy[tokenType].join(', ')}.`,
  );
}

const hostOf = (parts: GitParts, type: RepoType): string => parts.hosts[type]?.host ?? officialHost(type);

/** The application's secret goes to the host that the operator named, never to one that a caller names. */
async function placeOf(
  parts: GitParts,
  type: RepoType,
): Promise<{ readonly api: HostApi; readonly host: string; readonly app: OAuthApp }> {
  const app = parts.hosts[type]?.app;
  if (!app) {
    throw new Problem(
      'gitTypeUnsupported',
      `This platform is not registered as an application of ${type}; let the operator set git.${type}.client_id and client_secret in the settings file, or authorize by a personal token.`,
    );
  }
  const host = hostOf(parts, type);
  return { api: await apiOf(parts.reach, type, { host }), host, app };
}

const hashOf = (state: string) => createHash('sha256').update(state).digest('hex');
