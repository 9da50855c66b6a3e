/**
 * The canonical request of the signing rules. Every text here stands for bytes, one per character (latin-1): what was
 * on the wire is neither decoded to Unicode nor normalised, whatever it was meant to be.
 */

export interface CanonicalRequest {
  readonly method: string;
  /** As on the wire, with its query. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** Lower-case names of the signed headers, in their order. */
  readonly names: readonly string[];
  readonly namesText: string;
  /** Hex SHA-256 of the body, or what the client declared in place of it. */
  readonly payload: string;
}

/** The ways to write it, the likeliest first, none twice; made one by one, since the first one nearly always fits. */
export function* canonicalForms(request: CanonicalRequest): Generator<string> {
  const cut = request.url.indexOf('?');
  const path = cut === -1 ? request.url : request.url.slice(0, cut);
  const query = cut === -1 ? '' : request.url.slice(cut + 1);
  const end = [headerLines(request), request.namesText, request.payload].join('\n');
  const seen = new Set<string>();
  for (const queryForm of queryForms) {
    for (const pathForm of pathForms) {
      const form = [request.method.toUpperCase(), pathForm(path), queryForm(query), end].join('\n');
      if (!seen.has(form)) yield form;
      seen.add(form);
    }
  }
}

const bySegment = (path: string) => withSlash(path.split('/').map(reencoded).join('/'));

const pathForms: readonly ((path: string) => string)[] = [
  bySegment,
  // Python decodes the whole path first: a slash that was encoded becomes one that divides.
  (path) => withSlash(decode(path).split('/').map(encode).join('/')),
  // Node encodes once more what its caller had encoded.
  (path) => withSlash(path.split('/').map(encode).join('/')),
  // Node doubles the slash of an endpoint that ends in one.
  (path) => `/${bySegment(path)}`,
];

type Pair = readonly [name: string, value: string];

const queryForms: readonly ((query: string) => string)[] = [
  (query) =>
    joined(
      pairsOf(query).toSorted(
        ([left, leftValue], [right, rightValue]) => compare(left, right) || compare(leftValue, rightValue),
      ),
    ),
  // Java leaves the values of a repeated name in the order in which it sends them.
  (query) => joined(pairsOf(query).toSorted(([left], [right]) => compare(left, right))),
];

const joined = (pairs: readonly Pair[]) => pairs.map((pair) => pair.join('=')).join('&');

function pairsOf(query: string): Pair[] {
  return query
    .split('&')
    .filter((part) => part !== '')
    .map((part) => {
      const cut = part.indexOf('=');
      const name = cut === -1 ? part : part.slice(0, cut);
      const value = cut === -1 ? '' : part.slice(cut + 1);
      return [reencodedInQuery(name), reencodedInQuery(value)];
    });
}

const compare = (left: string, right: string) => (left < right ? -1 : left > right ? 1 : 0);

const withSlash = (path: string) => (path.endsWith('/') ? path : `${path}/`);

function headerLines({ names, headers }: CanonicalRequest): string {
  return names.map((name) => `${name}:${(headers[name] ?? '').trim()}\n`).join('');
}

const reencoded = (text: string) => encode(decode(text));
const reencodedInQuery = (text: string) => reencoded(text.replaceAll('+', '%20'));

/** A `%` that begins no escape stands for itself. */
const decode = (text: string) =>
  text.replaceAll(/%([0-9a-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));

const encode = (text: string) =>
  text.replaceAll(
    /[^A-Za-z0-9\-_.~]/g,
    (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  );

/** Headers whose values are secrets; a canonical request that is shown to somebody hides them. */
const secretHeaders = new Set(['x-security-token', 'x-auth-token', 'x-subject-token', 'cookie']);

/** What was computed, for the caller to compare with what it signed. */
export function shownForm(request: CanonicalRequest): string {
  const headers = Object.fromEntries(
    Object.entries(request.headers).map(([name, value]) => [
      name,
      secretHeaders.has(name) ? '******' : value,
    ]),
  );
  return canonicalForms({ ...request, headers }).next().value ?? '';
}
