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

/** Name, value, name, value … with the application's own spelling. */
export function responseHeaders(raw: unknown): { headers: string[]; hasDate: boolean } {
  const headers: string[] = [];
  let hasDate = false;
  let named: string | undefined;
  if (!Array.isArray(raw)) return { headers, hasDate };
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const name = text(raw[index]);
    const lower = name.toLowerCase();
    if (DROPPED.has(lower)) {
      const value = text(raw[index + 1]);
      if (lower === 'connection' && !namesNothing(value))
        named = named === undefined ? value : `${named},${value}`;
      continue;
    }
    if (lower === 'date') hasDate = true;
    headers.push(name, text(raw[index + 1]));
  }
  return { headers: named === undefined ? headers : withoutNamed(headers, named), hasDate };
}

function text(value: unknown): string {
  return Buffer.isBuffer(value) ? value.toString('latin1') : String(value);
}
