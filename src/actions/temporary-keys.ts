import { randomBytes, randomInt } from 'node:crypto';
import { newKeyPair, type KeyPair } from '../domain/access-key.ts';
import { seal } from '../domain/envelope.ts';
import type { Session } from '../iam/session.ts';
import { hashToken } from '../iam/tokens.ts';
import { insertTemporaryKey } from '../store/temporary-keys.ts';
import type { Services } from './caller.ts';

export interface IssuedKey extends KeyPair {
  /** Told once, as the secret is. */
  readonly securityToken: string;
  readonly expireTime: number;
}

const TOKEN_BYTES = 48;

/** For the caller, with the caller's rights of the moment of each use; never wider or longer than what asked for it. */
export async function issueTemporaryKey(
  services: Services,
  { user, project, isTemporary, expireTime: parentEnd }: Session,
  durationS: number,
): Promise<IssuedKey> {
  const pair = newKeyPair(randomInt);
  const securityToken = randomBytes(TOKEN_BYTES).toString('base64url');
  const issueTime = services.now();
  const wished = issueTime + durationS * 1000;
  const expireTime = isTemporary === true ? Math.min(wished, parentEnd) : wished;
  await services.store.write((tx) =>
    insertTemporaryKey(tx, {
      access: pair.access,
      user,
      secret: seal(services.key, pair.secret, services.newNonce()),
      tokenHash: hashToken(securityToken),
      issueTime,
      expireTime,
      ...(project !== undefined && { project }),
    }),
  );
  return { ...pair, securityToken, expireTime };
}
