import type { FastifyRequest } from 'fastify';

/** The scheme and host that the caller used; a host that is none is not repeated. */
export function originOf(request: FastifyRequest): string {
  const host = /^[A-Za-z0-9.[\]:_-]{1,260}$/.test(request.host) ? request.host : 'localhost';
  return `${request.protocol}://${host}`;
}
