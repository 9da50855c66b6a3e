import { createHash, randomBytes } from 'node:crypto';
import type { ProjectId, UserId } from '../domain/ids.ts';
import type { Store } from '../store/open.ts';
import { deleteToken, findToken, insertToken, type StoredToken } from '../store/tokens.ts';

/** The contract's fixed life of a token. */
export const TOKEN_LIFE_MS = 24 * 3_600_000;
/** 256 bits: not to be guessed, so a plain hash at rest is enough. */
const TOKEN_BYTES = 32;

export const hashToken = (token: string): string => createHash('sha256').update(token).digest('hex');

export interface IssuedToken {
  /** Told once; only its hash is kept. */
  readonly token: string;
  readonly issueTime: number;
  readonly expireTime: number;
}

export interface TokenHolder {
  readonly user: UserId;
  readonly project?: ProjectId;
  readonly methods?: readonly string[];
  /** It ends with what it was got by, if that ends sooner. */
  readonly endsBefore?: number;
  /** It is got by a temporary key, or by what was. */
  readonly isTemporary?: boolean;
}

/** A new token does not end the old ones. */
export async function issueToken(store: Store, holder: TokenHolder, now: number): Promise<IssuedToken> {
  const { user, project, methods = ['password'], endsBefore = Infinity, isTemporary = false } = holder;
  const token = randomBytes(TOKEN_BYTES).toString('base64url');
  const times = { issueTime: now, expireTime: Math.min(now + TOKEN_LIFE_MS, endsBefore) };
  const scope = project === undefined ? {} : { project };
  const kept = { hash: hashToken(token), user, methods, isTemporary, ...scope, ...times };
  await store.write((tx) => insertToken(tx, kept));
  return { token, ...times };
}

export function readToken(store: Store, token: string): Promise<StoredToken | undefined> {
  return findToken(store.read, hashToken(token));
}

export async function endToken(store: Store, token: string): Promise<void> {
  await store.write((tx) => deleteToken(tx, hashToken(token)));
}
