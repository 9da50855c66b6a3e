import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { HostApi } from '../domain/git.ts';

export interface Delivery {
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** As received. */
  readonly body: Buffer;
}

/** Gitee signs its clock and not the body; it asks that its word be not older than this. */
const GITEE_SKEW_MS = 60 * 60_000;

/**
 * Whether a delivery comes from who knows the hook's secret, by the rule of the host that the hook was made at. What
 * the delivery says of itself chooses no rule.
 */
export function isGenuine(
  api: HostApi,
  { headers, body }: Delivery,
  { secret, now }: { readonly secret: string; readonly now: number },
): boolean {
  const header = (name: string) => {
    const value = headers[name];
    return typeof value === 'string' ? value : '';
  };
  const hex = () => createHmac('sha256', secret).update(body).digest('hex');
  switch (api) {
    case 'github':
      return isEqual(header('x-hub-signature-256'), `sha256=${hex()}`);
    case 'gitea':
      return (
        isEqual(header('x-hub-signature-256'), `sha256=${hex()}`) ||
        isEqual(header('x-gitea-signature'), hex()) ||
        isEqual(header('x-forgejo-signature'), hex())
      );
    case 'bitbucket':
      return isEqual(header('x-hub-signature'), `sha256=${hex()}`);
    case 'gitlab':
      return isEqual(header('x-gitlab-token'), secret);
    case 'gitee': {
      const timestamp = header('x-gitee-timestamp');
      const sum = createHmac('sha256', secret).update(`${timestamp}\n${secret}`).digest('base64');
      const isFresh = Math.abs(now - Number(timestamp)) <= GITEE_SKEW_MS;
      return isFresh && isEqual(decoded(header('x-gitee-token')), sum);
    }
    case 'devcloud':
      return false;
    default:
      throw new Error(`There is no host API "${String(api satisfies never)}".`);
  }
}

/** Some versions send the sum as it stands in an address; whoever sends something else sent no sum. */
function decoded(text: string): string {
  try {
    return /%[0-9a-f]{2}/i.test(text) ? decodeURIComponent(text) : text;
  } catch {
    return '';
  }
}

/** Takes as long for a wrong text as for the right one, whatever its length. */
function isEqual(given: string, expected: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(expected));
}
