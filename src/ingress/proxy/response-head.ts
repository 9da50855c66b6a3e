import { namesNothing, withoutNamed } from './connection-header.ts';

/** Headers of an application's answer that are for the connection to it only. */
const DROPPED = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** As the body is read here; the last is an element that the list may have empty. */
const UNCODED = new Set(['chunked', 'identity', '']);

export interface ResponseHead {
  readonly headers: string[];
  readonly hasDate: boolean;
  /** Of the body, where the application announced it. */
  readonly length: number | undefined;
  /** The body came in a coding of the connection that nobody takes off here: passed on, it would be another body. */
  readonly isCoded: boolean;
}

/** Name, value, name, value … with the application's own spelling. */
export function responseHeaders(raw: unknown, status: number): ResponseHead {
  // These answers have no body, and must not announce one (RFC 9110, 8.6).
  const isBodiless = status < 200 || status === 204;
  const codings: string[] = [];
  const headers: string[] = [];
  let hasDate = false;
  let length: number | undefined;
  let named: string | undefined;
  if (!Array.isArray(raw)) return { headers, hasDate, length, isCoded: false };
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const name = text(raw[index]);
    const lower = name.toLowerCase();
    if (DROPPED.has(lower)) {
      const value = text(raw[index + 1]);
      if (lower === 'connection' && !namesNothing(value))
        named = named === undefined ? value : `${named},${value}`;
      if (lower === 'transfer-encoding') codings.push(...value.split(','));
      continue;
    }
    if (isBodiless && lower === 'content-length') continue;
    const value = text(raw[index + 1]);
    if (lower === 'date') hasDate = true;
    else if (lower === 'content-length') length = Number(value);
    headers.push(name, value);
  }
  const isCoded = codings.some((coding) => !UNCODED.has(coding.trim().toLowerCase()));
  return { headers: named === undefined ? headers : withoutNamed(headers, named), hasDate, length, isCoded };
}

function text(value: unknown): string {
  return Buffer.isBuffer(value) ? value.toString('latin1') : String(value);
}
