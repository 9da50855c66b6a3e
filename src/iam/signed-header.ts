import { Problem } from '../domain/errors.ts';

/** What an `Authorization` header of a signed request says. */
export interface SignedHeader {
  readonly access: string;
  /** Lower-case names, in the order of the header. */
  readonly names: readonly string[];
  /** The list of names as it was sent, which is signed too. */
  readonly namesText: string;
  /** 64 hex digits, as sent. */
  readonly signature: string;
  /** With the derived form (V11) only: the day, region and service that the key is derived for. */
  readonly derivedFor?: { readonly date: string; readonly info: string };
}

const PLAIN = 'SDK-HMAC-SHA256';
const DERIVED = 'V11-HMAC-SHA256';
/** More are a mistake. */
const MOST_NAMES = 100;

export const wrongSignature = (reason: string) =>
  new Problem('unauthenticated', `Incorrect IAM authentication information: ${reason}`);

/** Whether the header speaks of a signature at all, of whatever algorithm; `Basic` and `Bearer` do not. */
export const isSignature = (authorization: string): boolean =>
  /^(SDK|V11|[A-Z0-9]+-(HMAC|ECDSA|SM2))-/i.test(authorization);

/** Reads the header as iam.md's section 3 writes it; a comma may stand without a blank behind it. */
export function readSignedHeader(authorization: string): SignedHeader {
  const [algorithm = '', ...rest] = authorization.trim().split(/ +/);
  if (algorithm !== PLAIN && algorithm !== DERIVED) {
    throw wrongSignature(
      `verify aksk signature fail, the algorithm "${algorithm.slice(0, 40)}" is not taken; expected ${PLAIN} or ${DERIVED}.`,
    );
  }
  const parts = new Map(
    rest
      .join(' ')
      .split(',')
      .map((part) => part.trim())
      .map((part) => [part.slice(0, part.indexOf('=')), part.slice(part.indexOf('=') + 1)] as const),
  );
  const who = parts.get(algorithm === PLAIN ? 'Access' : 'Credential') ?? '';
  const namesText = parts.get('SignedHeaders') ?? '';
  const signature = parts.get('Signature') ?? '';
  const [access = '', date = '', ...place] = who.split('/');
  const isDerived = algorithm === DERIVED;
  const isWhole = isDerived ? place.length === 2 && /^\d{8}$/.test(date) : date === '' && place.length === 0;
  if (access === '' || !isWhole || namesText === '' || !/^[0-9a-fA-F]{64}$/.test(signature)) {
    throw wrongSignature(
      `verify aksk signature fail, the header Authorization cannot be read; expected "${
        isDerived ? `${DERIVED} Credential={ak}/{yyyymmdd}/{region}/{service}` : `${PLAIN} Access={ak}`
      }, SignedHeaders={a;b}, Signature={64 hex digits}".`,
    );
  }
  const names = namesText.toLowerCase().split(';');
  if (!names.includes('x-sdk-date') || names.length > MOST_NAMES) {
    throw wrongSignature(
      `verify aksk signature fail, SignedHeaders lists ${names.length} names; expected at most ${MOST_NAMES}, x-sdk-date among them.`,
    );
  }
  return {
    access,
    names,
    namesText,
    signature: signature.toLowerCase(),
    ...(isDerived && { derivedFor: { date, info: [date, ...place].join('/') } }),
  };
}
