import { createHash, createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';
import { canonicalForms, type CanonicalRequest } from './canonical-request.ts';
import type { SignedHeader } from './signed-header.ts';

const DERIVED_KEY_BYTES = 32;

export const sha256 = (bytes: Uint8Array | string): string =>
  createHash('sha256').update(bytes).digest('hex');

/** Whether the holder of the secret signed this request, in any of the forms that clients are known to sign. */
export function isSignedBy(
  secret: string,
  { signature, derivedFor, access }: Pick<SignedHeader, 'signature' | 'derivedFor' | 'access'>,
  request: CanonicalRequest,
): boolean {
  const head = [
    derivedFor ? 'V11-HMAC-SHA256' : 'SDK-HMAC-SHA256',
    request.headers['x-sdk-date'] ?? '',
    ...(derivedFor ? [derivedFor.info] : []),
  ];
  const key = derivedFor ? derivedKey(secret, access, derivedFor.info) : secret;
  const sent = Buffer.from(signature, 'hex');
  return canonicalForms(request).some((form) => {
    const text = [...head, sha256(Buffer.from(form, 'latin1'))].join('\n');
    return timingSafeEqual(createHmac('sha256', key).update(text).digest(), sent);
  });
}

/** The key of the derived form is the hex text, not its bytes. */
function derivedKey(secret: string, access: string, info: string): string {
  return Buffer.from(hkdfSync('sha256', secret, access, info, DERIVED_KEY_BYTES)).toString('hex');
}
