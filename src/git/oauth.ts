import { Problem } from '../domain/errors.ts';
import type { Credential, HostApi } from '../domain/git.ts';
import { textAt } from './answer.ts';
import { HostClient, type Reach } from './host-client.ts';
import type { OAuthApp } from './parts.ts';

/** Where a host asks for consent and gives tokens, below its base address, and for what it is asked. */
const ways: Readonly<
  Record<
    Exclude<HostApi, 'devcloud'>,
    { readonly consent: string; readonly token: string; readonly scope?: string }
  >
> = {
  github: {
    consent: '/login/oauth/authorize',
    token: '/login/oauth/access_token',
    scope: 'repo admin:repo_hook read:org',
  },
  gitlab: { consent: '/oauth/authorize', token: '/oauth/token', scope: 'api' },
  gitee: {
    consent: '/oauth/authorize',
    token: '/oauth/token',
    scope: 'user_info projects hook groups',
  },
  gitea: { consent: '/login/oauth/authorize', token: '/login/oauth/access_token' },
  // Its scopes are those of the registered application.
  bitbucket: { consent: '/site/oauth2/authorize', token: '/site/oauth2/access_token' },
};

export interface OAuthPlace {
  readonly api: HostApi;
  readonly host: string;
  readonly app: OAuthApp;
}

const waysOf = (api: HostApi) => {
  if (api === 'devcloud') throw new Problem('gitTypeUnsupported', 'DevCloud has no consent page.');
  return ways[api];
};

/** The page where a person consents; it leads back with `code` and `state`. */
export function consentUrl({ api, host, app }: OAuthPlace, state: string): string {
  const { consent, scope } = waysOf(api);
  const url = new URL(`${host}${consent}`);
  const members = {
    client_id: app.clientId,
    redirect_uri: app.redirectUri,
    response_type: 'code',
    scope,
    state,
  };
  for (const [name, value] of Object.entries(members))
    if (value !== undefined) url.searchParams.set(name, value);
  return url.href;
}

type OAuthCredential = Extract<Credential, { kind: 'oauth' }>;

/** A code for a token. A Problem of code `gitStateInvalid` where the host does not take the code. */
export async function exchangeCode(
  reach: Reach,
  place: OAuthPlace,
  { code, now }: { readonly code: string; readonly now: number },
): Promise<OAuthCredential> {
  const { redirectUri } = place.app;
  const members = {
    grant_type: 'authorization_code',
    code,
    ...(redirectUri !== undefined && { redirect_uri: redirectUri }),
  };
  const found = await askForToken(reach, place, { members, secret: code, now });
  if (found) return found;
  throw new Problem(
    'gitStateInvalid',
    `${new URL(place.host).host} does not take the code; codes are good once and for minutes: ask for a new address with GET redirect and consent again.`,
  );
}

/** Undefined where the host does not take the refresh token any more: somebody must consent again. */
export async function refreshed(
  reach: Reach,
  place: OAuthPlace,
  { refreshToken, now }: { readonly refreshToken: string; readonly now: number },
): Promise<OAuthCredential | undefined> {
  const members = { grant_type: 'refresh_token', refresh_token: refreshToken };
  return askForToken(reach, place, { members, secret: refreshToken, now });
}

async function askForToken(
  reach: Reach,
  { api, host, app }: OAuthPlace,
  asked: {
    readonly members: Readonly<Record<string, string>>;
    readonly secret: string;
    readonly now: number;
  },
): Promise<OAuthCredential | undefined> {
  const isBasic = api === 'bitbucket';
  const pair = Buffer.from(`${app.clientId}:${app.clientSecret}`).toString('base64');
  const client = new HostClient({
    base: host,
    headers: { accept: 'application/json', ...(isBasic && { authorization: `Basic ${pair}` }) },
    secrets: [app.clientSecret, asked.secret, pair],
    reach,
  });
  const answer = await client.tryAsk({
    method: 'POST',
    path: waysOf(api).token,
    form: new URLSearchParams({
      ...asked.members,
      ...(!isBasic && { client_id: app.clientId, client_secret: app.clientSecret }),
    }),
  });
  if (answer.status >= 500) {
    throw new Problem('gitInvalid', `${client.host} failed with status ${answer.status}; try again later.`);
  }
  if (answer.status >= 300) return undefined;
  // GitHub tells of a code that it does not take with 200 and an error.
  const token = textAt(answer.value, 'access_token');
  if (token === '') return undefined;
  const refreshToken = textAt(answer.value, 'refresh_token');
  const lifeS = Number(textAt(answer.value, 'expires_in'));
  return {
    kind: 'oauth',
    token,
    ...(refreshToken !== '' && { refreshToken }),
    ...(lifeS > 0 && { expireTime: asked.now + lifeS * 1000 }),
  };
}
