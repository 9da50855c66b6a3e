import type { Socket } from 'node:net';
import type { RouteTable } from '../../domain/routes.ts';

/**
 * The control socket's protocol: a JSON object per line, a request with an `id`, then its reply with the same one.
 * A proxy outlives the platform that started it, so each side accepts the version before its own.
 * From 2 on, routes may be for a part of a host.
 */
export const PROTOCOL = 2;
export const OLDEST_PROTOCOL = 1;

/** A table of 10,000 instances takes 3 MB. */
const MAX_LINE_BYTES = 64 * 1024 * 1024;

export type Request =
  | { readonly op: 'status' }
  | { readonly op: 'publish'; readonly publisher: string; readonly table: RouteTable }
  | { readonly op: 'inflight' }
  | { readonly op: 'shutdown'; readonly graceMs: number };

export interface Status {
  readonly pid: number;
  /** The address as it was asked for (port 0: any), and the port that was got. */
  readonly bind: string;
  readonly askedPort: number;
  readonly port: number;
  /** Who published the table that is in force, and its version. */
  readonly publisher: string;
  readonly version: number;
  /** How often, since its start, a replica's port was held by somebody else; 0 from a proxy that does not look. */
  readonly strangers: number;
}

export function writeLine(socket: Socket, message: object): void {
  socket.write(`${JSON.stringify(message)}\n`);
}

/** A line that is too long ends the connection: nothing sensible follows it. */
export function onLines(socket: Socket, take: (line: string) => void): void {
  let parts: Buffer[] = [];
  let length = 0;
  socket.on('data', (chunk: Buffer) => {
    let rest = chunk;
    for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10)) {
      parts.push(rest.subarray(0, end));
      const line = Buffer.concat(parts).toString('utf8');
      parts = [];
      length = 0;
      rest = rest.subarray(end + 1);
      take(line);
    }
    parts.push(rest);
    length += rest.length;
    if (length > MAX_LINE_BYTES) socket.destroy(new Error('A line of the control protocol exceeds 64 MiB.'));
  });
}
