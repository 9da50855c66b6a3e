import { Problem } from '../domain/errors.ts';
import { domainId, projectId, userId } from '../domain/ids.ts';
import {
  findDomain,
  findDomainByName,
  findProject,
  findProjectByName,
  type Domain,
  type Project,
} from '../store/projects.ts';
import type { Store } from '../store/open.ts';
import { findUser, findUserByName, type User } from '../store/users.ts';
import type { Attempts } from './attempts.ts';
import { isNobodysPassword, isPassword } from './passwords.ts';
import { issueToken, type IssuedToken } from './tokens.ts';

/** Named by id or by name; a name counts in its domain. */
export interface Named {
  readonly id?: string;
  readonly name?: string;
  readonly domain?: Named;
}

export interface Credentials {
  readonly user: Named;
  readonly password: string;
  /** Absent: the whole domain. */
  readonly project?: Named;
  readonly domain?: Named;
}

export interface SignedIn extends IssuedToken {
  readonly user: User;
  readonly domain: Domain;
  readonly project?: Project;
}

/** Tries too fast; `waitS` is when the next one is looked at. */
export class TooManyAttempts extends Problem {
  readonly waitS: number;
  constructor(waitS: number) {
    super('throttled', `Too many failed sign-ins for this user from this address; try again in ${waitS} s.`);
    this.waitS = waitS;
  }
}

/** Checks under way at once: each costs 32 MiB and a core for some 80 ms. */
const MOST_CHECKS = 4;
/** Checks that may wait for one of these. */
const MOST_WAITING = 100;

const wrong = () =>
  new Problem(
    'unauthenticated',
    'The username or password is wrong, or there is no such user or domain; correct them.',
  );

/** Gives tokens for passwords. */
export class SignIn {
  readonly #store: Store;
  readonly #now: () => number;
  readonly #attempts: Attempts;
  #checks = 0;
  readonly #waiting: (() => void)[] = [];

  constructor({ store, now }: { readonly store: Store; readonly now: () => number }, attempts: Attempts) {
    this.#store = store;
    this.#now = now;
    this.#attempts = attempts;
  }

  /** `source` is the caller's network address. */
  async signIn(credentials: Credentials, source: string): Promise<SignedIn> {
    const who = JSON.stringify(credentials.user.id ?? credentials.user.name ?? '');
    this.#assertAllowed(who, source);
    const user = await this.#withinTurns(async () => {
      this.#assertAllowed(who, source);
      const found = await this.#proven(credentials);
      if (!found) this.#attempts.failed(who, source);
      return found;
    });
    if (!user) throw wrong();
    this.#attempts.succeeded(who, source);
    if (!user.isEnabled) {
      throw new Problem('forbidden', `User "${user.name}" is disabled; ask an administrator to enable it.`);
    }
    const domain = await findDomain(this.#store.read, user.domain);
    if (!domain) throw new Error(`User ${user.id} belongs to a domain that is not stored.`);
    const project = credentials.project && (await this.#project(credentials.project, domain));
    if (!project && credentials.domain) await this.#assertOwn(credentials.domain, domain);
    const holder = { user: user.id, ...(project && { project: project.id }) };
    const issued = await issueToken(this.#store, holder, this.#now());
    return { ...issued, user, domain, ...(project && { project }) };
  }

  #assertAllowed(who: string, source: string): void {
    const waitS = this.#attempts.waitS(who, source);
    if (waitS > 0) throw new TooManyAttempts(waitS);
  }

  async #proven({ user, password }: Credentials): Promise<User | undefined> {
    const found = await this.#find(user);
    const isRight = found
      ? await isPassword(password, found.passwordHash)
      : await isNobodysPassword(password);
    return isRight ? found : undefined;
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

  async #project(named: Named, home: Domain): Promise<Project> {
    if (named.domain) await this.#assertOwn(named.domain, home);
    const project =
      named.id === undefined
        ? await findProjectByName(this.#store.read, home.id, named.name ?? '')
        : await findProject(this.#store.read, projectId(named.id));
    if (project?.domain === home.id) return project;
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

  async #withinTurns<T>(work: () => Promise<T>): Promise<T> {
    if (this.#checks >= MOST_CHECKS) {
      if (this.#waiting.length >= MOST_WAITING) throw new TooManyAttempts(1);
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    } else {
      this.#checks += 1;
    }
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#checks -= 1;
    }
  }
}

/** A scope that does not exist, or that the user may not have: the same to whoever asks. */
export class ScopeUnknown extends Problem {
  constructor(message: string) {
    super('routeUnknown', message);
  }
}
