import { createHash } from 'node:crypto';
import { Problem } from '../../domain/errors.ts';
import type { Credentials, Named } from '../../iam/sign-in.ts';
import type { Domain, Project } from '../../store/projects.ts';
import type { TokenRequestWire, TokenWire } from './schemas.ts';

/** Domain names that scripts carry over are looked up as they are; a user without one is looked up in ours. */
const HOME_DOMAIN = 'openstage';

export function readCredentials({ auth }: TokenRequestWire): Credentials {
  const { methods, password } = auth.identity;
  const other = methods.find((method) => method !== 'password');
  if (methods.length === 0 || other !== undefined) {
    throw new Problem(
      'invalid',
      `The request body is invalid: auth.identity.methods holds "${other ?? ''}"; expected ["password"].`,
    );
  }
  if (!password) {
    throw new Problem(
      'invalid',
      'The request body is invalid: auth.identity.password is missing; expected an object {user}.',
    );
  }
  const { user } = password;
  if (user.id === undefined && user.name === undefined) {
    throw new Problem(
      'invalid',
      'The request body is invalid: auth.identity.password.user has neither name nor id; expected one.',
    );
  }
  const domain = user.domain && isNamed(user.domain) ? user.domain : { name: HOME_DOMAIN };
  const { scope } = auth;
  return {
    user: { ...named(user), domain: named(domain) },
    password: user.password,
    ...(isNamed(scope?.project) && { project: named(scope?.project) }),
    ...(isNamed(scope?.domain) && { domain: named(scope?.domain) }),
  };
}

type Sent = { readonly id?: string; readonly name?: string; readonly domain?: Sent } | undefined;

const isNamed = (sent: Sent) => (sent?.id ?? '') !== '' || (sent?.name ?? '') !== '';

function named(sent: Sent): Named {
  const { id, name, domain } = sent ?? {};
  return {
    ...(id !== undefined && id !== '' && { id }),
    ...(name !== undefined && { name }),
    ...(isNamed(domain) && { domain: named(domain) }),
  };
}

export interface TokenFacts {
  readonly user: { readonly id: string; readonly name: string };
  readonly domain: Domain;
  readonly project?: Project;
  readonly issueTime: number;
  readonly expireTime: number;
}

/** Six digits, as the contract's clients parse them. */
const moment = (time: number) => new Date(time).toISOString().replace(/\.(\d{3})Z$/, '.$1000Z');

export function tokenWire(
  { user, domain, project, issueTime, expireTime }: TokenFacts,
  catalog: TokenWire['token']['catalog'],
): TokenWire {
  const home = { id: domain.id, name: domain.name };
  return {
    token: {
      methods: ['password'],
      expires_at: moment(expireTime),
      issued_at: moment(issueTime),
      user: { id: user.id, name: user.name, domain: home, password_expires_at: '' },
      ...(project ? { project: { id: project.id, name: project.name, domain: home } } : { domain: home }),
      roles: [{ id: '0', name: 'te_admin' }],
      catalog,
    },
  };
}

/** Where the services are: at the very address by which the caller reached us. */
export function catalogWire(
  origin: string,
  region: string,
  project: Project | undefined,
): TokenWire['token']['catalog'] {
  const scope = project ? `/${project.id}` : '';
  const services = [
    { name: 'servicestage', type: 'servicestage', versions: [`/v2${scope}`], region },
    { name: 'servicestagev1', type: 'servicestagev1', versions: [`/v1${scope}`], region },
    { name: 'iam', type: 'identity', versions: ['/v3'], region: '*' },
  ];
  return services.map(({ name, type, versions, region: place }) => ({
    id: idOf(name),
    name,
    type,
    endpoints: versions.map((path) => ({
      id: idOf(`${name}${path}`),
      interface: 'public',
      region: place,
      region_id: place,
      url: `${origin}${path}`,
    })),
  }));
}

/** The same at every answer, without a row for it. */
const idOf = (name: string) => createHash('md5').update(name).digest('hex');
