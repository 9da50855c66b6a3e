import { availableParallelism } from 'node:os';
import { Problem } from '../domain/errors.ts';
import { domainId, projectId, userId } from '../domain/ids.ts';
import { rolesIn, type RoleName } from '../domain/permission.ts';
import type { Store } from '../store/open.ts';
import {
  findDomain,
  findDomainByName,
  findProject,
  findProjectByName,
  type Domain,
  type Project,
} from '../store/projects.ts';
import { findUser, findUserByName, type User } from '../store/users.ts';
import type { Attempts } from './attempts.ts';
import type { Authenticator } from './authenticate.ts';
import type { KeySignIn } from './key-sign-in.ts';
import { KnownPasswords } from './known-passwords.ts';
import { isNobodysPassword, isPassword } from './passwords.ts';
import { loadPrincipal, type Principal, type Session } from './session.ts';
import { SlowLanes } from './slow-lanes.ts';
import type { Source } from './source.ts';
import { issueToken, type IssuedToken } from './tokens.ts';
import { Turns } from './turns.ts';

/** Named by id or by name; a name counts in its domain. */
export interface Named {
  readonly id?: string;
  readonly name?: string;
  readonly domain?: Named;
}

/** What proves who somebody is. */
export type Proof =
  | { readonly method: 'password'; readonly user: Named; readonly password: string }
  | { readonly method: 'token'; readonly token: string }
  | {
      readonly method: 'hw_ak_sk';
      readonly access: string;
      readonly secret: string;
      readonly securityToken?: string;
    };

export interface Credentials {
  readonly proof: Proof;
  /** Absent: the whole domain. */
  readonly project?: Named;
  readonly domain?: Named;
}

export interface SignedIn extends IssuedToken {
  readonly user: { readonly id: string; readonly name: string };
  readonly domain: Domain;
  readonly project?: Project;
  readonly roles: readonly RoleName[];
  readonly methods: readonly string[];
}

/** Tries too fast; `waitS` is when the next one is looked at. */
export class TooManyAttempts extends Problem {
  readonly waitS: number;
  constructor(waitS: number) {
    super('throttled', `Too many failed sign-ins for this user from this address; try again in ${waitS} s.`);
    this.waitS = waitS;
  }
}

/** Checks under way at once: each costs 32 MiB and a core for some 80 ms, and half of the cores are for everything else. */
const MOST_CHECKS = Math.max(1, Math.min(4, Math.floor(availableParallelism() / 2)));
/** Checks that may wait for one of these. */
const MOST_WAITING = { ofOne: 20, ofAll: 400 };
/** Whoever guessed wrong too often is heard so seldom, and at most so many requests wait for that. */
const SLOW = { pauseMs: 1_000, places: 20 };

const wrong = () =>
  new Problem(
    'unauthenticated',
    'The username or password is wrong, or there is no such user or domain; correct them.',
  );

/** Gives tokens for passwords, tokens and keys. */
export class SignIn {
  readonly #store: Store;
  readonly #now: () => number;
  readonly #attempts: Attempts;
  readonly #authenticator: Authenticator;
  readonly #keys: KeySignIn;
  readonly #known = new KnownPasswords();
  readonly #slow = new SlowLanes(SLOW.pauseMs, SLOW.places);
  readonly #turns = new Turns(MOST_CHECKS, MOST_WAITING, () => new TooManyAttempts(1));

  constructor(
    { store, now }: { readonly store: Store; readonly now: () => number },
    {
      attempts,
      authenticator,
      keys,
    }: { readonly attempts: Attempts; readonly authenticator: Authenticator; readonly keys: KeySignIn },
  ) {
    this.#store = store;
    this.#now = now;
    this.#attempts = attempts;
    this.#authenticator = authenticator;
    this.#keys = keys;
  }

  async signIn(credentials: Credentials, source: Source): Promise<SignedIn> {
    const { principal, methods, endsBefore, temporary } = await this.#prove(credentials.proof, source);
    const onlyProject = temporary?.project;
    const domain = await findDomain(this.#store.read, principal.domain);
    if (!domain) throw new Error(`User ${principal.user} belongs to a domain that is not stored.`);
    const project = credentials.project && (await this.#project(credentials.project, domain, principal));
    if (!project && credentials.domain) await this.#assertOwn(credentials.domain, domain);
    if (onlyProject !== undefined && project?.id !== onlyProject) {
      throw new ScopeUnknown('A temporary key gives tokens for its own project only; name that as scope.');
    }
    const issued = await issueToken(
      this.#store,
      {
        user: principal.user,
        methods,
        ...(project && { project: project.id }),
        ...(endsBefore !== undefined && { endsBefore }),
        isTemporary: temporary !== undefined,
      },
      this.#now(),
    );
    return {
      ...issued,
      user: { id: principal.user, name: principal.userName },
      domain,
      methods,
      roles: rolesIn(principal.grants, project?.id),
      ...(project && { project }),
    };
  }

  async #prove(proof: Proof, source: Source): Promise<Proven> {
    switch (proof.method) {
      case 'password':
        return {
          principal: await this.provePassword(proof.user, proof.password, source),
          methods: ['password'],
        };
      case 'token': {
        const session = await this.#authenticator.authenticate(proof.token);
        const methods = [...new Set([...(session.methods ?? []), 'token'])];
        return { principal: session, methods, ...limitsOf(session) };
      }
      case 'hw_ak_sk': {
        const session = await this.#keys.prove(proof, source.network);
        return {
          principal: session,
          methods: ['hw_ak_sk'],
          ...limitsOf(session),
        };
      }
    }
  }

  /** Who has this password; tries are counted wherever it is asked for. One that is known to be right waits for nobody. */
  async provePassword(user: Named, password: string, source: Source): Promise<Principal> {
    const named = await this.#find(user);
    const found =
      named && this.#known.isKnown(named, password)
        ? named
        : await this.#inTurn(
            named,
            JSON.stringify(user.id ?? user.name ?? ''),
            password,
            await source.party(),
          );
    if (!found) throw wrong();
    const principal = await loadPrincipal(this.#store.read, found.id);
    if (!principal) {
      throw new Problem('forbidden', `User "${found.name}" is disabled; ask an administrator to enable it.`);
    }
    return principal;
  }

  /** One that was just set is right without a check. */
  rememberPassword(user: User, password: string): void {
    this.#known.remember(user, password);
  }

  async #inTurn(
    named: User | undefined,
    who: string,
    password: string,
    party: string,
  ): Promise<User | undefined> {
    const check = () =>
      this.#turns.take(party, async () => {
        const isRight = named
          ? await isPassword(password, named.passwordHash)
          : await isNobodysPassword(password);
        if (!isRight) this.#attempts.failed(who, party);
        return isRight ? named : undefined;
      });
    const waitS = this.#attempts.waitS(who, party);
    const checked = waitS > 0 ? await this.#slow.take(party, check) : { done: await check() };
    if (!checked) throw new TooManyAttempts(waitS);
    if (!checked.done) return undefined;
    this.#attempts.succeeded(who, party);
    this.#known.remember(checked.done, password);
    return checked.done;
  }

  async #find({ id, name, domain }: Named): Promise<User | undefined> {
    if (id !== undefined) return findUser(this.#store.read, userId(id));
    const home = domain && (await this.#domain(domain));
    return home && name !== undefined ? findUserByName(this.#store.read, home.id, name) : undefined;
  }

  async #domain({ id, name }: Named): Promise<Domain | undefined> {
    if (id !== undefined) return findDomain(this.#store.read, domainId(id));
    return name === undefined ? undefined : findDomainByName(this.#store.read, name);
  }

  async #project(named: Named, home: Domain, { grants }: Principal): Promise<Project> {
    if (named.domain) await this.#assertOwn(named.domain, home);
    const project =
      named.id === undefined
        ? await findProjectByName(this.#store.read, home.id, named.name ?? '')
        : await findProject(this.#store.read, projectId(named.id));
    if (project?.domain === home.id && rolesIn(grants, project.id).length > 0) return project;
    throw new ScopeUnknown(
      `There is no project "${named.id ?? named.name ?? ''}" that this user may use; name another one as scope.`,
    );
  }

  async #assertOwn(named: Named, home: Domain): Promise<void> {
    const domain = await this.#domain(named);
    if (domain?.id === home.id) return;
    throw new ScopeUnknown(
      `There is no domain "${named.id ?? named.name ?? ''}" that this user may use; name "${home.name}" as scope.`,
    );
  }
}

interface Proven {
  readonly principal: Principal;
  readonly methods: readonly string[];
  readonly endsBefore?: number;
  /** Proven by a temporary key, or by what was got by one; its project is the only one. */
  readonly temporary?: Pick<Session, 'project'>;
}

const limitsOf = (session: Session): Pick<Proven, 'endsBefore' | 'temporary'> => ({
  endsBefore: session.expireTime,
  ...(session.isTemporary === true && { temporary: session }),
});

/** A scope that does not exist, or that the user may not have: the same to whoever asks. */
export class ScopeUnknown extends Problem {
  constructor(message: string) {
    super('identityUnknown', message);
  }
}
