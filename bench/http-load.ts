import { connect, type Socket } from 'node:net';
import { quantile } from './statistics.ts';

/** Bytes of a request on a kept-alive connection. */
export function requestBytes(
  method: string,
  path: string,
  headers: Readonly<Record<string, string>>,
  body = '',
): string {
  const lines = Object.entries({ Host: '127.0.0.1', ...headers }).map(([name, value]) => `${name}: ${value}`);
  const length = body === '' ? [] : [`Content-Length: ${Buffer.byteLength(body)}`];
  return [`${method} ${path} HTTP/1.1`, ...lines, ...length, '', body].join('\r\n');
}

/** A client that costs next to nothing, since it shares the cores with what it measures: one request at a time. */
export class Connection {
  readonly #socket: Socket;
  #received = '';
  #settle: { resolve(answer: Answer): void; reject(error: Error): void } | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true).setEncoding('latin1');
    socket.on('data', (part) => this.#take(String(part)));
    socket.on('error', (error) => this.#settle?.reject(error));
    socket.on('close', () => this.#settle?.reject(new Error('The connection was closed.')));
  }

  static open(port: number): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, '127.0.0.1');
      socket.once('connect', () => resolve(new Connection(socket)));
      socket.once('error', reject);
    });
  }

  ask(request: string): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
      this.#socket.write(request);
    });
  }

  close(): void {
    this.#settle = undefined;
    this.#socket.destroy();
  }

  #take(part: string): void {
    this.#received += part;
    const head = this.#received.indexOf('\r\n\r\n');
    if (head < 0) return;
    const length = /\r\ncontent-length: *(\d+)/i.exec(this.#received.slice(0, head + 2))?.[1];
    const isWhole =
      length === undefined
        ? this.#received.endsWith('\r\n0\r\n\r\n')
        : this.#received.length >= head + 4 + Number(length);
    if (!isWhole) return;
    const answer = { status: Number(this.#received.slice(9, 12)), body: this.#received.slice(head + 4) };
    this.#received = '';
    this.#settle?.resolve(answer);
  }
}

interface Answer {
  readonly status: number;
  /** As it came: in chunks where it has no length. */
  readonly body: string;
}

export interface Report {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** So many clients, each asking again as soon as it is answered. An answer that is no 2xx ends the bench. */
export async function drive(
  {
    port,
    clients,
    durationMs,
  }: { readonly port: number; readonly clients: number; readonly durationMs: number },
  next: () => string,
): Promise<Report> {
  const latencies: number[] = [];
  const begun = performance.now();
  const end = begun + durationMs;
  await Promise.all(
    Array.from({ length: clients }, async () => {
      const connection = await Connection.open(port);
      for (let now = performance.now(); now < end;) {
        const { status, body } = await connection.ask(next());
        if (status >= 300) throw new Error(`Port ${port} answered ${status}: ${body}`);
        const answered = performance.now();
        latencies.push(answered - now);
        now = answered;
      }
      connection.close();
    }),
  );
  return {
    perSecond: (latencies.length / (performance.now() - begun)) * 1000,
    p50Ms: quantile(latencies, 0.5),
    p99Ms: quantile(latencies, 0.99),
  };
}

export interface Side {
  readonly port: number;
  readonly next: () => string;
}

/** One request to each side in turn, so that what disturbs one disturbs the other; the latencies of each, in ms. */
export async function inTurns(
  sides: readonly Side[],
  requests: number,
): Promise<readonly (readonly number[])[]> {
  const asking = await Promise.all(
    sides.map(async (side) => ({
      ...side,
      connection: await Connection.open(side.port),
      latencies: [] as number[],
    })),
  );
  for (let request = 0; request < requests; request += 1) {
    for (const { port, next, connection, latencies } of asking) {
      const bytes = next();
      const begun = performance.now();
      const { status, body } = await connection.ask(bytes);
      latencies.push(performance.now() - begun);
      if (status >= 300) throw new Error(`Port ${port} answered ${status}: ${body}`);
    }
  }
  for (const { connection } of asking) connection.close();
  return asking.map(({ latencies }) => latencies);
}
