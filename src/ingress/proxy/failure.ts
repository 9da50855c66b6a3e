/**
 * unsendable: the request itself cannot be written. closed: a standing connection went away.
 * unreachable: there was no connection to be had.
 */
export type Failure = 'unsendable' | 'closed' | 'unreachable';

const CLOSED = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE']);

export function readFailure(error: Error): Failure {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  if (code === 'UND_ERR_INVALID_ARG' || code === 'UND_ERR_NOT_SUPPORTED') return 'unsendable';
  return CLOSED.has(code) ? 'closed' : 'unreachable';
}
