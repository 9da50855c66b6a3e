import { Problem } from '../domain/errors.ts';
import type { Store } from '../store/open.ts';
import { loadPrincipal, temporarySession, type Session } from './session.ts';
import { endToken, hashToken, readToken } from './tokens.ts';

/** A disabled user's or a deleted token's end is seen by every replica after at most so long. */
const CACHE_MS = 10_000;
/** Sessions kept in memory; the oldest make room. */
const MOST_CACHED = 10_000;
/** Tokens of other clouds may be sent by mistake; longer ones are not hashed. */
const MOST_CHARACTERS = 16_384;

interface Cached {
  readonly session: Session;
  readonly untilMs: number;
}

const refused = (reason: string) =>
  new Problem('unauthenticated', `Incorrect IAM authentication information: ${reason}`);

/** Knows tokens. Cached by hash, so that memory holds no token either. */
export class Authenticator {
  readonly #store: Store;
  readonly #now: () => number;
  readonly #cache = new Map<string, Cached>();

  constructor({ store, now }: { readonly store: Store; readonly now: () => number }) {
    this.#store = store;
    this.#now = now;
  }

  /** The session, or a Problem of code `unauthenticated` in the gateway's words. */
  async authenticate(token: string | undefined): Promise<Session> {
    if (token === undefined || token === '') {
      throw refused(
        'x-auth-token not found; send a token in the header X-Auth-Token (POST /v3/auth/tokens gives one).',
      );
    }
    const session = await this.find(token);
    if (!session) throw refused('decrypt token fail; ask for a new token (POST /v3/auth/tokens).');
    if (session.expireTime <= this.#now()) {
      throw refused(
        `token expires, expires_at: ${new Date(session.expireTime).toISOString()}; ask for a new one.`,
      );
    }
    return session;
  }

  /** Also one that has expired. */
  async find(token: string): Promise<Session | undefined> {
    if (token.length > MOST_CHARACTERS) return undefined;
    const hash = hashToken(token);
    const cached = this.#cache.get(hash);
    if (cached && cached.untilMs > performance.now()) return cached.session;
    const session = await this.#load(token);
    this.#cache.delete(hash);
    if (session) this.#keep(hash, session);
    return session;
  }

  /** Ends it, here at once. */
  async end(token: string): Promise<void> {
    await endToken(this.#store, token);
    this.#cache.delete(hashToken(token));
  }

  /** After a change of users or roles: the next request sees it. */
  forget(): void {
    this.#cache.clear();
  }

  async #load(token: string): Promise<Session | undefined> {
    const stored = await readToken(this.#store, token);
    if (!stored) return undefined;
    const principal = await loadPrincipal(this.#store.read, stored.user);
    if (!principal) return undefined;
    const session = {
      ...principal,
      ...(stored.project !== undefined && { project: stored.project }),
      issueTime: stored.issueTime,
      expireTime: stored.expireTime,
      methods: stored.methods,
    };
    return stored.isTemporary === true ? temporarySession(session) : session;
  }

  #keep(hash: string, session: Session): void {
    this.#cache.set(hash, { session, untilMs: performance.now() + CACHE_MS });
    if (this.#cache.size <= MOST_CACHED) return;
    const oldest = this.#cache.keys().next();
    if (!oldest.done) this.#cache.delete(oldest.value);
  }
}
