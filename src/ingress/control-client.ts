import { connect } from 'node:net';
import type { Socket } from 'node:net';
import type { InFlight } from '../domain/routes.ts';
import { OLDEST_PROTOCOL, onLines, PROTOCOL, writeLine } from './proxy/protocol.ts';
import type { Request, Status } from './proxy/protocol.ts';
import { readInteger, readRecord, readText } from './proxy/shapes.ts';

/** The proxy answers from memory, a publish after one write to disk; longer means that it hangs. */
const REPLY_MS = 30_000;

interface Waiting {
  resolve(result: unknown): void;
  reject(error: Error): void;
}

/** A connection to a living proxy. It ends with the proxy. */
export class ControlClient {
  readonly closed: Promise<void>;
  readonly #socket: Socket;
  readonly #waiting = new Map<number, Waiting>();
  #lastId = 0;
  /** Until the proxy has told its own, which may be that of a version before, the oldest is spoken. */
  #protocol = OLDEST_PROTOCOL;

  private constructor(socket: Socket) {
    this.#socket = socket;
    onLines(socket, (line) => this.#take(line));
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        for (const { reject } of this.#waiting.values()) reject(new Error('The ingress proxy went away.'));
        this.#waiting.clear();
        resolve();
      });
    });
  }

  /** Nothing where no proxy answers. */
  static open(path: string): Promise<ControlClient | undefined> {
    return new Promise((resolve) => {
      const socket = connect(path);
      socket.on('error', () => resolve(undefined));
      socket.once('connect', () => resolve(new ControlClient(socket)));
    });
  }

  async status(): Promise<Status> {
    const status = readRecord(await this.#ask({ op: 'status' }), 'status');
    return {
      pid: readInteger(status['pid'], 'status.pid', Number.MAX_SAFE_INTEGER),
      bind: readText(status['bind'], 'status.bind'),
      askedPort: readInteger(status['askedPort'], 'status.askedPort', 65535),
      port: readInteger(status['port'], 'status.port', 65535),
      publisher: readText(status['publisher'], 'status.publisher'),
      version: readInteger(status['version'], 'status.version', Number.MAX_SAFE_INTEGER),
      strangers: readInteger(status['strangers'] ?? 0, 'status.strangers', Number.MAX_SAFE_INTEGER),
    };
  }

  /** Of the control socket, that both sides speak; known once anything was answered. */
  get protocol(): number {
    return this.#protocol;
  }

  async publish(request: Extract<Request, { op: 'publish' }>): Promise<void> {
    await this.#ask(request);
  }

  async inFlight(): Promise<InFlight> {
    const counts = readRecord(await this.#ask({ op: 'inflight' }), 'inflight');
    return Object.fromEntries(
      Object.entries(counts).map(([replica, count]) => [
        replica,
        readInteger(count, `inflight.${replica}`, Number.MAX_SAFE_INTEGER),
      ]),
    );
  }

  async shutdown(graceMs: number): Promise<void> {
    await this.#ask({ op: 'shutdown', graceMs }, graceMs + REPLY_MS);
  }

  get isClosed(): boolean {
    return this.#socket.destroyed;
  }

  close(): void {
    this.#socket.destroy();
  }

  #ask(request: Request, withinMs = REPLY_MS): Promise<unknown> {
    if (this.#socket.destroyed) return Promise.reject(new Error('The ingress proxy went away.'));
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#socket.destroy();
      }, withinMs);
      const over = () => {
        clearTimeout(timer);
        this.#waiting.delete(id);
      };
      this.#waiting.set(id, {
        resolve: (result) => {
          over();
          resolve(result);
        },
        reject: (error) => {
          over();
          reject(error);
        },
      });
      writeLine(this.#socket, { v: this.#protocol, id, ...request });
    });
  }

  #take(line: string): void {
    let reply: Readonly<Record<string, unknown>>;
    try {
      reply = readRecord(JSON.parse(line), 'reply');
    } catch {
      this.#socket.destroy();
      return;
    }
    if (typeof reply['v'] === 'number') this.#protocol = Math.min(reply['v'], PROTOCOL);
    const waiting = typeof reply['id'] === 'number' ? this.#waiting.get(reply['id']) : undefined;
    if (typeof reply['error'] === 'string') waiting?.reject(new Error(reply['error']));
    else waiting?.resolve(reply['result']);
  }
}
