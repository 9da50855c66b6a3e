import { createHash, createHmac } from 'node:crypto';

export interface Signing {
  readonly access: string;
  readonly secret: string;
  readonly method?: string;
  /** Path and query as on the wire; the query is signed as it stands, so its parts are sorted already. */
  readonly url: string;
  readonly body?: string | Buffer;
  readonly headers?: Readonly<Record<string, string>>;
  /** Headers that are signed beside x-sdk-date. */
  readonly signed?: readonly string[];
  readonly time?: number;
}

const sha256 = (bytes: string | Buffer) => createHash('sha256').update(bytes).digest('hex');

export const sdkDate = (time: number): string => new Date(time).toISOString().replaceAll(/[-:]|\.\d{3}/g, '');

/** The headers of a signed request, computed apart from the platform's own code. */
export function sign(signing: Signing): Record<string, string> {
  const { access, secret, method = 'GET', url, body = '', headers = {}, signed = [] } = signing;
  const date = sdkDate(signing.time ?? Date.now());
  const all: Record<string, string> = { ...headers, 'x-sdk-date': date };
  const names = [...signed, 'x-sdk-date'].toSorted();
  const [path = '', query = ''] = url.split('?');
  const canonical = [
    method,
    path.endsWith('/') ? path : `${path}/`,
    query,
    ...names.map((name) => `${name}:${all[name]}`),
    '',
    names.join(';'),
    headers['x-sdk-content-sha256'] ?? sha256(body),
  ].join('\n');
  const text = `SDK-HMAC-SHA256\n${date}\n${sha256(canonical)}`;
  const signature = createHmac('sha256', secret).update(text).digest('hex');
  return {
    ...all,
    authorization: `SDK-HMAC-SHA256 Access=${access}, SignedHeaders=${names.join(';')}, Signature=${signature}`,
  };
}
