import { unseal, type Key } from '../domain/envelope.ts';
import { findAccessKey, updateAccessKey } from '../store/access-keys.ts';
import type { Store } from '../store/open.ts';
import { findTemporaryKey } from '../store/temporary-keys.ts';
import { loadPrincipal, temporarySession, type Session } from './session.ts';

/** An access key that may sign, unsealed. */
export interface KnownKey {
  readonly secret: string;
  readonly session: Session;
  /** Of the security token that a temporary key comes with. */
  readonly tokenHash?: string;
}

/** A key that was removed or disabled elsewhere is refused here after at most so long. */
const CACHE_MS = 10_000;
const MOST_CACHED = 10_000;
/** Of the platform's own keys and of other clouds'; longer ones are not looked up. */
const MOST_CHARACTERS = 128;
/** The time of the last use is kept to the hour, so that using a key costs no write. */
const USE_MS = 3_600_000;
/** A permanent key's session never ends by itself. */
const NEVER = Number.MAX_SAFE_INTEGER;

interface Cached {
  readonly key: KnownKey;
  readonly untilMs: number;
}

/** Knows access keys, and remembers for seconds what it unsealed: a signature costs no query. */
export class KeyRing {
  readonly #store: Store;
  readonly #key: Key;
  readonly #now: () => number;
  readonly #cache = new Map<string, Cached>();

  constructor({ store, key, now }: { readonly store: Store; readonly key: Key; readonly now: () => number }) {
    this.#store = store;
    this.#key = key;
    this.#now = now;
  }

  /** Undefined: there is none, it is inactive, or its user is disabled. A temporary one may have expired. */
  async find(access: string): Promise<KnownKey | undefined> {
    const cached = this.#cache.get(access);
    if (cached && cached.untilMs > performance.now()) return cached.key;
    const key = access.length > MOST_CHARACTERS ? undefined : await this.#load(access);
    this.#cache.delete(access);
    if (!key) return undefined;
    this.#cache.set(access, { key, untilMs: performance.now() + CACHE_MS });
    if (this.#cache.size > MOST_CACHED) {
      const oldest = this.#cache.keys().next();
      if (!oldest.done) this.#cache.delete(oldest.value);
    }
    return key;
  }

  /** After a change of users, keys or roles: the next request sees it. */
  forget(): void {
    this.#cache.clear();
  }

  async #load(access: string): Promise<KnownKey | undefined> {
    const { read } = this.#store;
    const permanent = await findAccessKey(read, access);
    if (permanent) {
      if (!permanent.isActive) return undefined;
      const principal = await loadPrincipal(read, permanent.user);
      if (!principal) return undefined;
      const { createTime, lastUseTime } = permanent;
      await this.#use(access, lastUseTime);
      const times = { issueTime: createTime, expireTime: NEVER };
      return { secret: unseal(this.#key, permanent.secret), session: { ...principal, access, ...times } };
    }
    const temporary = await findTemporaryKey(read, access);
    const principal = temporary && (await loadPrincipal(read, temporary.user));
    if (!temporary || !principal) return undefined;
    const { project, tokenHash, issueTime, expireTime } = temporary;
    return {
      secret: unseal(this.#key, temporary.secret),
      session: temporarySession({
        ...principal,
        access,
        issueTime,
        expireTime,
        ...(project !== undefined && { project }),
      }),
      tokenHash,
    };
  }

  async #use(access: string, lastUseTime = 0): Promise<void> {
    const now = this.#now();
    if (now - lastUseTime < USE_MS) return;
    // Worth a line in a list of keys, never a refused request.
    await this.#store.write((tx) => updateAccessKey(tx, access, { lastUseTime: now })).catch(() => undefined);
  }
}
