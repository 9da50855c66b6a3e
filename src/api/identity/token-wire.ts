import { Problem } from '../../domain/errors.ts';
import type { RoleName } from '../../domain/permission.ts';
import type { Credentials, Named, Proof } from '../../iam/sign-in.ts';
import type { Domain, Project } from '../../store/projects.ts';
import { moment } from './moment.ts';
import type { CatalogWire, TokenRequestWire, TokenWire } from './schemas/token.ts';

/** A user named without a domain is looked up in ours. */
const HOME_DOMAIN = 'openstage';

type Identity = TokenRequestWire['auth']['identity'];

const invalid = (what: string) => new Problem('invalid', `The request body is invalid: ${what}`);

/** `headerToken`: the one in X-Auth-Token, for bodies that name none. */
export function readCredentials({ auth }: TokenRequestWire, headerToken?: string): Credentials {
  const { scope } = auth;
  return {
    proof: readProof(auth.identity, headerToken),
    ...(isNamed(scope?.project) && { project: named(scope?.project) }),
    ...(isNamed(scope?.domain) && { domain: named(scope?.domain) }),
  };
}

function readProof(identity: Identity, headerToken: string | undefined): Proof {
  const { methods } = identity;
  const [method = '', another] = methods;
  if (methods.includes('totp')) {
    throw invalid('auth.identity.methods holds "totp"; users here have no second factor: send ["password"].');
  }
  if (methods.some((one) => /^(hw_)?assume_role$/.test(one))) {
    throw invalid(
      'auth.identity.methods asks for an agency; there are none here: send ["password"] or sign.',
    );
  }
  if (another !== undefined) {
    throw invalid(`auth.identity.methods holds ${methods.length} words; expected one.`);
  }
  switch (method) {
    case 'password':
      return readPassword(identity.password);
    case 'token': {
      const token = identity.token?.id || headerToken;
      if (token) return { method, token };
      throw invalid('auth.identity.token.id is missing, and so is X-Auth-Token; expected a token.');
    }
    case 'hw_ak_sk': {
      const { access, secret, security_token } = identity.hw_ak_sk ?? {};
      if (!access || !secret) throw invalid('auth.identity.hw_ak_sk is missing; expected {access, secret}.');
      return {
        method,
        access: access.key,
        secret: secret.key,
        ...(security_token && { securityToken: security_token.key }),
      };
    }
    default:
      throw invalid(
        `auth.identity.methods holds "${method.slice(0, 60)}"; expected ["password"], ["token"] or ["hw_ak_sk"].`,
      );
  }
}

function readPassword(sent: Identity['password']): Proof {
  if (!sent) throw invalid('auth.identity.password is missing; expected an object {user}.');
  const { user } = sent;
  if (user.id === undefined && user.name === undefined) {
    throw invalid('auth.identity.password.user has neither name nor id; expected one.');
  }
  const domain = user.domain && isNamed(user.domain) ? user.domain : { name: HOME_DOMAIN };
  return { method: 'password', user: { ...named(user), domain: named(domain) }, password: user.password };
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
  readonly roles: readonly RoleName[];
  readonly methods: readonly string[];
  readonly issueTime: number;
  readonly expireTime: number;
}

/** Roles that come with the platform have this id in tokens. */
const BUILT_IN = '0';

export function tokenWire(facts: TokenFacts, catalog: CatalogWire): TokenWire {
  const { user, domain, project, roles, methods, issueTime, expireTime } = facts;
  const home = { id: domain.id, name: domain.name };
  return {
    token: {
      methods: [...methods],
      expires_at: moment(expireTime),
      issued_at: moment(issueTime),
      user: { id: user.id, name: user.name, domain: home, password_expires_at: '' },
      ...(project ? { project: { id: project.id, name: project.name, domain: home } } : { domain: home }),
      roles: roles.map((name) => ({ id: BUILT_IN, name })),
      catalog,
    },
  };
}
