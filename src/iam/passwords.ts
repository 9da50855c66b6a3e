import { randomBytes, scrypt, timingSafeEqual, type ScryptOptions } from 'node:crypto';

/** 32 MiB and some 80 ms per guess on the machines of 2025. */
const COST = { N: 2 ** 15, r: 8, p: 1 };
const KEY_BYTES = 32;
const SALT_BYTES = 16;

const derive = (password: string, salt: Buffer, bytes: number, { N, r, p }: typeof COST) =>
  new Promise<Buffer>((resolve, reject) => {
    const options: ScryptOptions = { N, r, p, maxmem: 256 * N * r + 1024 ** 2 };
    scrypt(password.normalize('NFC'), salt, bytes, options, (error, key) =>
      error ? reject(error) : resolve(key),
    );
  });

/** `scrypt$N$r$p$salt$key`: the parameters travel with the hash, so that they may rise. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(SALT_BYTES);
  const key = await derive(password, salt, KEY_BYTES, COST);
  return ['scrypt', COST.N, COST.r, COST.p, salt.toString('base64'), key.toString('base64')].join('$');
}

/** Stored for a user that was given no password; nothing matches it. */
export const NO_PASSWORD = 'none';

export async function isPassword(password: string, stored: string): Promise<boolean> {
  if (stored === NO_PASSWORD) return isNobodysPassword(password);
  const [algorithm, N = '', r = '', p = '', salt = '', key = ''] = stored.split('$');
  if (algorithm !== 'scrypt') {
    throw new Error(
      `A stored password is hashed with "${algorithm}"; expected scrypt. Set that password anew.`,
    );
  }
  const known = Buffer.from(key, 'base64');
  const cost = { N: Number(N), r: Number(r), p: Number(p) };
  const derived = await derive(password, Buffer.from(salt, 'base64'), known.length, cost);
  return timingSafeEqual(derived, known);
}

/** Costs as much as a real check, so that the time of an answer does not tell whether the user exists. */
export async function isNobodysPassword(password: string): Promise<false> {
  await derive(password, Buffer.alloc(SALT_BYTES), KEY_BYTES, COST);
  return false;
}
