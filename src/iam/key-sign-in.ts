import { createHash, timingSafeEqual } from 'node:crypto';
import { Problem } from '../domain/errors.ts';
import type { KeyLocks } from './key-locks.ts';
import type { KeyRing } from './key-ring.ts';
import type { Session } from './session.ts';

const digest = (text: string) => createHash('sha256').update(text).digest();

const wrong = () =>
  new Problem(
    'unauthenticated',
    'The access key, its secret or its security token is wrong, or the key is not active; correct them.',
  );

const locked = () =>
  new Problem(
    'unauthenticated',
    'AK access failed to reach the limit,forbidden; the secret that was sent is wrong: send the right one.',
  );

/** Proves a key by its secret in clear, as older scripts do; it counts as a signature does, under the same lock. */
export class KeySignIn {
  readonly #keys: KeyRing;
  readonly #locks: KeyLocks;
  readonly #now: () => number;

  constructor({
    keys,
    locks,
    now,
  }: {
    readonly keys: KeyRing;
    readonly locks: KeyLocks;
    readonly now: () => number;
  }) {
    this.#keys = keys;
    this.#locks = locks;
    this.#now = now;
  }

  async prove(
    sent: { readonly access: string; readonly secret: string; readonly securityToken?: string },
    source: string,
  ): Promise<Session> {
    const key = await this.#keys.find(sent.access);
    if (!key) throw wrong();
    const isRight =
      timingSafeEqual(digest(sent.secret), digest(key.secret)) &&
      (key.tokenHash === undefined ||
        timingSafeEqual(digest(sent.securityToken ?? ''), Buffer.from(key.tokenHash, 'hex')));
    if (!isRight) {
      const isLocked = this.#locks.isLocked(sent.access, source);
      this.#locks.wrong(sent.access, source);
      throw isLocked ? locked() : wrong();
    }
    this.#locks.right(sent.access, source);
    if (key.session.expireTime <= this.#now()) throw wrong();
    return key.session;
  }
}
