import { Problem } from '../domain/errors.ts';
import type { Credential, HostApi, RepoType } from '../domain/git.ts';
import { textAt } from './answer.ts';
import type { GitHost } from './git-host.ts';
import { HostClient, type Reach } from './host-client.ts';
import { bitbucketHost } from './hosts/bitbucket.ts';
import { giteaHost } from './hosts/gitea.ts';
import { giteeHost } from './hosts/gitee.ts';
import { githubHeaders, githubHost } from './hosts/github.ts';
import { gitlabHost } from './hosts/gitlab.ts';

/** Where each type of host is when nobody says otherwise, and its API there. */
const official: Readonly<Record<RepoType, { readonly host: string; readonly api: string }>> = {
  github: { host: 'https://github.com', api: 'https://api.github.com' },
  gitlab: { host: 'https://gitlab.com', api: 'https://gitlab.com/api/v4' },
  gitee: { host: 'https://gitee.com', api: 'https://gitee.com/api/v5' },
  bitbucket: { host: 'https://bitbucket.org', api: 'https://api.bitbucket.org/2.0' },
  devcloud: { host: 'https://devcloud.huaweicloud.com', api: 'https://devcloud.huaweicloud.com' },
};

/** Below a host of one's own. */
const apiPaths: Readonly<Record<HostApi, string>> = {
  github: '/api/v3',
  gitlab: '/api/v4',
  gitee: '/api/v5',
  bitbucket: '/2.0',
  devcloud: '',
  gitea: '/api/v1',
};

export const officialHost = (type: RepoType): string => official[type].host;

export interface Opening {
  readonly api: HostApi;
  readonly host: string;
  /** Of whom the credential is; empty while that is being asked. */
  readonly userName: string;
  readonly credential: Credential;
}

export function openHost(reach: Reach, { api, host, userName, credential }: Opening): GitHost {
  const client = clientOf(reach, { api, host, credential });
  switch (api) {
    case 'github':
      return githubHost(client, userName);
    case 'gitlab':
      return gitlabHost(client);
    case 'gitee':
      return giteeHost(client, userName);
    case 'gitea':
      return giteaHost(client, userName);
    case 'bitbucket':
      return bitbucketHost(client);
    case 'devcloud':
      throw new Problem(
        'gitTypeUnsupported',
        'DevCloud has no public API that a password opens: its authorizations serve to clone, and what is in it is seen on its own pages.',
      );
    default:
      throw new Error(`There is no host API "${String(api satisfies never)}".`);
  }
}

function clientOf(reach: Reach, { api, host, credential }: Omit<Opening, 'userName'>): HostClient {
  return new HostClient({
    base: apiBase(api, host),
    headers: {
      accept: 'application/json',
      ...(api === 'github' && githubHeaders),
      ...authorizationOf(api, credential),
    },
    secrets: secretsOf(credential),
    reach,
  });
}

function apiBase(api: HostApi, host: string): string {
  const known = api === 'gitea' ? undefined : official[api];
  return known?.host === host ? known.api : `${host}${apiPaths[api]}`;
}

/** In a header always: addresses are written into logs on the way. */
function authorizationOf(api: HostApi, credential: Credential): Readonly<Record<string, string>> {
  if (credential.kind === 'password') {
    const pair = Buffer.from(`${credential.user}:${credential.password}`).toString('base64');
    return { authorization: `Basic ${pair}` };
  }
  if (api === 'gitlab' && credential.kind === 'token') return { 'private-token': credential.token };
  const scheme = api === 'gitea' && credential.kind === 'token' ? 'token' : 'Bearer';
  return { authorization: `${scheme} ${credential.token}` };
}

function secretsOf(credential: Credential): readonly string[] {
  if (credential.kind !== 'password') return [credential.token];
  const { user, password } = credential;
  return [password, Buffer.from(`${user}:${password}`).toString('base64')];
}

/**
 * Whose API a host speaks. The contract knows no Gitea, and no Forgejo: they are named by the type that their users
 * know best, and told by the one call that no other host answers.
 */
export async function apiOf(
  reach: Reach,
  type: RepoType,
  { host, credential }: { readonly host: string; readonly credential?: Credential },
): Promise<HostApi> {
  if (type === 'devcloud' || type === 'bitbucket' || host === official[type].host) return type;
  const client = new HostClient({
    base: apiBase('gitea', host),
    headers: { accept: 'application/json', ...(credential && authorizationOf('gitea', credential)) },
    secrets: credential ? secretsOf(credential) : [],
    reach,
  });
  const answer = await client.tryAsk({ path: '/version' });
  if (answer.status !== 200) return type;
  try {
    return textAt(answer.value, 'version') === '' ? type : 'gitea';
  } catch (error) {
    // A page for people: some hosts answer every address with one.
    if (error instanceof Problem) return type;
    throw error;
  }
}
