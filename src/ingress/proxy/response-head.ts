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

export interface ResponseHead {
  readonly headers: string[];
  readonly hasDate: boolean;
  /** Of the body, where the application announced it. */
  readonly length: number | undefined;
}

/** Name, value, name, value … with the application's own spelling. */
export function responseHeaders(raw: unknown): ResponseHead {
  const headers: string[] = [];
  let hasDate = false;
  let length: number | undefined;
  let named: string | undefined;
  if (!Array.isArray(raw)) return { headers, hasDate, length };
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const name = text(raw[index]);
    const lower = name.toLowerCase();
    if (DROPPED.has(lower)) {
      const value = text(raw[index + 1]);
      if (lower === 'connection' && !namesNothing(value))
        named = named === undefined ? value : `${named},${value}`;
      continue;
    }
    const value = text(raw[index + 1]);
    if (lower === 'date') hasDate = true;
    else if (lower === 'content-length') length = Number(value);
    headers.push(name, value);
  }
  return { headers: named === undefined ? headers : withoutNamed(headers, named), hasDate, length };
}

function text(value: unknown): string {
  return Buffer.isBuffer(value) ? value.toString('latin1') : String(value);
}
