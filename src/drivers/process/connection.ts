import type { Socket } from 'node:net';
import { connect } from 'node:net';
import { once } from 'node:events';
import type { FenceSeen } from '../../domain/fences.ts';
import { Problem } from '../../domain/errors.ts';
import type { Call, Hello, Reply } from './supervisor/protocol.ts';
import { isHello, isReply, isSpoken, lineReader, VERSION } from './supervisor/protocol.ts';
import { expect } from './supervisor/shape.ts';
import { whyNotPrivate } from './supervisor/socket-path.ts';

/** The line went dead; the same call may be made on another one. */
export class ConnectionLost extends Error {}

const HELLO_MS = 10_000;

/** One socket to the supervisor, calls in flight side by side. */
export class Connection {
  readonly #socket: Socket;
  readonly #pending = new Map<
    number,
    { resolve: (value: unknown) => void; reject: (error: Error) => void }
  >();
  readonly closed: Promise<void>;
  #lastId = 0;
  /** Of the protocol, that both sides speak. */
  version = VERSION;
  fences: readonly FenceSeen[] = [];

  private constructor(socket: Socket) {
    this.#socket = socket;
    const read = lineReader((line) => this.#take(parseReply(line)));
    socket.on('data', (chunk: Buffer) => {
      try {
        read(chunk);
      } catch {
        socket.destroy();
      }
    });
    socket.on('error', () => {});
    this.closed = new Promise((resolve) =>
      socket.once('close', () => {
        for (const { reject } of this.#pending.values())
          reject(new ConnectionLost('The supervisor went away.'));
        this.#pending.clear();
        resolve();
      }),
    );
  }

  /** Rejects when nobody listens there. */
  static async open(path: string): Promise<Connection> {
    const connection = new Connection(await dial(path));
    const timer = setTimeout(() => connection.close(), HELLO_MS);
    try {
      const hello = await connection.#greet();
      connection.version = hello.version;
      connection.fences = hello.fences ?? [];
      if (!isSpoken(hello.version)) {
        throw new Problem(
          'targetUnavailable',
          `The supervisor (process ${hello.pid}) speaks version ${hello.version} of its protocol, this platform ` +
            `${VERSION}; end that process: applications go on, and the platform starts a new one.`,
        );
      }
      return connection;
    } catch (error) {
      connection.close();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** One of the version before knows nothing of ours; it is greeted in its own. */
  async #greet(): Promise<Hello> {
    const say = async (version: number) =>
      expect(isHello, await this.call({ op: 'hello', version }), 'The greeting');
    try {
      return await say(VERSION);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      return await say(VERSION - 1);
    }
  }

  call(call: Call): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#socket.destroyed) return reject(new ConnectionLost('The supervisor went away.'));
      const id = (this.#lastId += 1);
      this.#pending.set(id, { resolve, reject });
      this.#socket.write(`${JSON.stringify({ id, call })}\n`);
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #take(reply: Reply): void {
    const waiting = this.#pending.get(reply.id);
    this.#pending.delete(reply.id);
    if ('problem' in reply) waiting?.reject(problemOf(reply.problem));
    else if ('ok' in reply) waiting?.resolve(reply.ok);
  }
}

/** A stream has a socket of its own: a slow reader holds back nobody else, and leaving ends it. */
export async function* openStream(path: string, call: Call, stop: AbortSignal): AsyncGenerator<unknown> {
  const socket = await dial(path);
  const leave = () => socket.destroy();
  stop.addEventListener('abort', leave);
  if (stop.aborted) leave();
  try {
    socket.write(`${JSON.stringify({ id: 1, call })}\n`);
    let lines: string[] = [];
    const read = lineReader((line) => lines.push(line));
    for await (const chunk of socket) {
      read(Buffer.from(chunk));
      const replies = lines.map(parseReply);
      lines = [];
      for (const reply of replies) {
        if ('item' in reply) yield reply.item;
        else if ('problem' in reply) throw problemOf(reply.problem);
        else return;
      }
    }
    throw new ConnectionLost('The supervisor went away.');
  } catch (error) {
    if (stop.aborted) return;
    throw error;
  } finally {
    stop.removeEventListener('abort', leave);
    socket.destroy();
  }
}

/** Whoever answers is told everything: it must be one that only we can have put there. */
async function dial(path: string): Promise<Socket> {
  const flaw = whyNotPrivate(path);
  if (flaw !== undefined) throw new Problem('targetUnavailable', `The supervisor is not asked: ${flaw}`);
  const socket = connect(path);
  await once(socket, 'connect');
  return socket;
}

const parseReply = (line: string): Reply => {
  const value: unknown = JSON.parse(line);
  return expect(isReply, value, "The supervisor's answer");
};

/** Only these two are final; anything else is worth another try. */
const problemOf = ({ code, message }: { readonly code: string; readonly message: string }): Error =>
  code === 'invalid' || code === 'targetUnavailable' ? new Problem(code, message) : new Error(message);
