import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { User } from '../store/users.ts';

const MOST_KNOWN = 10_000;

/**
 * Passwords that were right before, known again for next to nothing: whoever has the right one waits behind nobody's
 * guesses. What is kept is of no use outside of this process, and of none once the password was changed.
 */
export class KnownPasswords {
  readonly #key = randomBytes(32);
  readonly #known = new Map<string, Buffer>();

  remember(user: User, password: string): void {
    this.#known.delete(user.id);
    this.#known.set(user.id, this.#mark(user, password));
    if (this.#known.size <= MOST_KNOWN) return;
    const oldest = this.#known.keys().next();
    if (!oldest.done) this.#known.delete(oldest.value);
  }

  isKnown(user: User, password: string): boolean {
    const known = this.#known.get(user.id);
    return known !== undefined && timingSafeEqual(known, this.#mark(user, password));
  }

  /** Of the stored hash too, so that a password that was replaced, by whatever node, is known no more. */
  #mark({ id, passwordHash }: User, password: string): Buffer {
    const text = JSON.stringify([id, passwordHash, password.normalize('NFC')]);
    return createHmac('sha256', this.#key).update(text).digest();
  }
}
