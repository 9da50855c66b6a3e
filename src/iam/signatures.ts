import { timingSafeEqual } from 'node:crypto';
import { shownForm, type CanonicalRequest } from './canonical-request.ts';
import type { KeyLocks } from './key-locks.ts';
import type { KeyRing, KnownKey } from './key-ring.ts';
import type { Session } from './session.ts';
import { isSignedBy, sha256 } from './signature.ts';
import { readSignedHeader, wrongSignature, type SignedHeader } from './signed-header.ts';
import { hashToken } from './tokens.ts';

/** The head of a signed request. Texts stand for the bytes on the wire, one per character. */
export interface SignedHead {
  readonly method: string;
  readonly url: string;
  readonly authorization: string;
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** The network that it comes from. */
  readonly source: string;
}

/** A signed request whose head was found good; its body is still to come. */
export interface Signed {
  /** What the client declared in place of the body's hash: a hash, or that the body is not signed. */
  readonly declared?: string;
  /** The session, or a Problem. `bodyHash`: hex SHA-256 of the raw body; absent where the client declared it. */
  prove(bodyHash?: string): Session;
}

export const UNSIGNED_PAYLOAD = 'UNSIGNED-PAYLOAD';
const SKEW_MS = 15 * 60_000;
/** Of the canonical request that is told to whoever signed another one. */
const SHOWN_MOST = 4_000;

const refused = (reason: string) => wrongSignature(`verify aksk signature fail, ${reason}`);

/** Checks signatures, step by step in the order of the contract: nothing of a body is read for a head that is wrong. */
export class Signatures {
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

  async begin(head: SignedHead): Promise<Signed> {
    const header = readSignedHeader(head.authorization);
    const { access } = header;
    const key = await this.#keys.find(access);
    if (!key) throw wrongSignature(`Get secretKey failed,ak:${access.slice(0, 40)},err:ak not exist`);
    assertTime(head.headers['x-sdk-date'], header, this.#now());
    assertSecurityToken(head.headers['x-security-token'], key, this.#now());
    const missing = header.names.find((name) => head.headers[name] === undefined);
    if (missing !== undefined) throw refused(`the signed header "${missing.slice(0, 60)}" was not sent.`);
    const declared = declaredPayload(head.headers);
    return {
      ...(declared !== undefined && { declared }),
      prove: (bodyHash) => this.#prove(head, header, key, declared, bodyHash),
    };
  }

  #prove(
    head: SignedHead,
    header: SignedHeader,
    key: KnownKey,
    declared: string | undefined,
    bodyHash: string | undefined,
  ): Session {
    const { names, namesText, access } = header;
    const { method, url, headers, source } = head;
    if (declared !== undefined && declared !== UNSIGNED_PAYLOAD) assertBody(declared, bodyHash);
    const payload = declared ?? bodyHash;
    if (payload === undefined) throw new Error('A signature was to be checked without the hash of the body.');
    const request: CanonicalRequest = { method, url, headers, names, namesText, payload };
    if (!isSignedBy(key.secret, header, request)) {
      const isLocked = this.#locks.isLocked(access, source);
      this.#locks.wrong(access, source);
      if (isLocked) {
        throw wrongSignature(
          'AK access failed to reach the limit,forbidden; the signature is wrong: sign with the right secret.',
        );
      }
      throw refused(
        `the canonical request that was computed here is:\n${shownForm(request).slice(0, SHOWN_MOST)}`,
      );
    }
    this.#locks.right(access, source);
    return key.session;
  }
}

function assertTime(text: string | undefined, { derivedFor }: SignedHeader, now: number): void {
  const [, year = '', month = '', day = '', hour = '', minute = '', second = ''] =
    /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text ?? '') ?? [];
  const time = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  if (text === undefined || Number.isNaN(time)) {
    throw refused('the header X-Sdk-Date is missing or no date; expected yyyymmddThhmmssZ in UTC.');
  }
  if (Math.abs(now - time) > SKEW_MS) {
    throw refused(
      `the signature expired: X-Sdk-Date is ${text}, and it is ${new Date(now).toISOString()} here; expected at most 15 minutes between them.`,
    );
  }
  if (derivedFor && derivedFor.date !== text.slice(0, 8)) {
    throw refused(
      `the key was derived for ${derivedFor.date}, and X-Sdk-Date is ${text}; expected the same day.`,
    );
  }
}

function assertSecurityToken(token: string | undefined, { tokenHash, session }: KnownKey, now: number): void {
  if (tokenHash === undefined) return;
  const sent = Buffer.from(hashToken(token ?? ''), 'hex');
  if (!timingSafeEqual(sent, Buffer.from(tokenHash, 'hex'))) {
    throw refused('the header X-Security-Token is missing or belongs to another key.');
  }
  if (session.expireTime <= now) {
    throw wrongSignature(
      `token expires, expires_at: ${new Date(session.expireTime).toISOString()}; ask for a new temporary key.`,
    );
  }
}

/** What is not JSON may go unsigned, as clients send files; a JSON body never. */
function declaredPayload(headers: SignedHead['headers']): string | undefined {
  const declared = headers['x-sdk-content-sha256'];
  if (declared === undefined) return undefined;
  if (declared === UNSIGNED_PAYLOAD) {
    if (!/^\s*($|application\/([\w.+-]+\+)?(json|bson)\s*(;|$))/i.test(headers['content-type'] ?? '')) {
      return declared;
    }
    throw refused(
      `the body goes unsigned (${UNSIGNED_PAYLOAD}), which bodies of JSON may not; sign its hash.`,
    );
  }
  if (/^[0-9a-fA-F]{64}$/.test(declared)) return declared;
  throw refused(`X-Sdk-Content-Sha256 is neither 64 hex digits nor ${UNSIGNED_PAYLOAD}.`);
}

/** A body that is still to come is compared at its end. */
function assertBody(declared: string, bodyHash: string | undefined): void {
  if (bodyHash !== undefined && declared.toLowerCase() !== bodyHash) {
    throw refused(`the body's SHA-256 is ${bodyHash}, and X-Sdk-Content-Sha256 says ${declared}.`);
  }
}

/** Of an empty body. */
export const EMPTY_BODY = sha256('');
