import type { ServerResponse } from 'node:http';

/** What HTTP lets a reason phrase hold, byte for byte. */
const SENDABLE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** What lies above is no status of HTTP (RFC 9110, 15). */
const STATUS_MOST = 599;

/**
 * Passes on the head of an application's answer; false where no server may send it. A reason phrase is passed on as
 * the bytes that it came in; with a control character in it, it is left out, for nobody acts on it.
 */
export function sendHead(
  response: ServerResponse,
  status: number,
  reason: string,
  headers: readonly string[],
): boolean {
  if (status > STATUS_MOST) return false;
  try {
    response.writeHead(status, readReason(reason), [...headers]);
    return true;
  } catch (error) {
    // A status of no answer, a name that is no token, a value with a control character: Node knows them all.
    if (response.headersSent) throw error;
    return false;
  }
}

/** Of text that was read as UTF-8, or byte by byte. */
export function readReason(reason: string): string {
  if (SENDABLE.test(reason)) return reason;
  const bytes = Buffer.from(reason, 'utf8').toString('latin1');
  return SENDABLE.test(bytes) ? bytes : '';
}
