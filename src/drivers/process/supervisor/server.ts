import type { Server, Socket } from 'node:net';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { Problem } from '../../../domain/errors.ts';
import type { FenceSeen } from '../../../domain/fences.ts';
import type { InstanceId } from '../../../domain/ids.ts';
import { readLog } from './follow.ts';
import type { Journal } from './journal.ts';
import type { Call, Hello, Ports as PortsAnswer, Reply, Request } from './protocol.ts';
import { agreed, isRequest, isSpoken, lineReader } from './protocol.ts';
import { expect } from './shape.ts';
import type { Supervisor } from './supervisor.ts';
import { inPresentForm } from './version-before.ts';
import { reasonOf } from './reason.ts';

export interface Parts {
  readonly supervisor: Supervisor;
  /** Of the protocol. */
  readonly version: number;
  readonly fences: readonly FenceSeen[];
  readonly journal: Journal;
  readonly ports: () => PortsAnswer;
  readonly watchers: Set<(instance: InstanceId) => void>;
  readonly shutdown: (applications: 'leave' | 'stop') => Promise<void>;
}

export async function listen(path: string, parts: Parts): Promise<Server> {
  const server = createServer((socket) => serve(socket, parts));
  server.listen(path);
  await once(server, 'listening');
  return server;
}

function serve(socket: Socket, parts: Parts): void {
  const stop = new AbortController();
  const send = (reply: Reply): boolean => socket.writable && socket.write(`${JSON.stringify(reply)}\n`);
  const read = lineReader((line) => {
    const value: unknown = JSON.parse(line);
    void answer(expect(isRequest, inPresentForm(value), 'The request'));
  });

  async function answer({ id, call }: Request): Promise<void> {
    try {
      if (call.op === 'logs' || call.op === 'watch') await stream(id, call);
      else send({ id, ok: (await handle(call, parts)) ?? null });
      if (call.op === 'shutdown') await parts.shutdown(call.applications);
    } catch (error) {
      const message = reasonOf(error);
      if (!(error instanceof Problem)) parts.journal.tell('call failed', { op: call.op, message });
      send({ id, problem: { code: error instanceof Problem ? error.code : 'unexpected', message } });
    }
  }

  async function stream(id: number, call: Extract<Call, { op: 'logs' | 'watch' }>): Promise<void> {
    for await (const item of call.op === 'logs' ? lines(call) : changes()) {
      if (stop.signal.aborted) break;
      if (!send({ id, item }) && socket.writable)
        await Promise.race([once(socket, 'drain'), once(socket, 'close')]);
    }
    send({ id, end: true });
  }

  async function* lines(call: Extract<Call, { op: 'logs' }>): AsyncGenerator<string> {
    const replica = parts.supervisor.find(call.replica);
    if (!replica) return;
    let isOver = false;
    void replica.over.then(() => (isOver = true));
    const following = call.follow ? { stop: stop.signal, isOver: () => isOver } : undefined;
    yield* readLog(replica.files.log, call.tail, following);
  }

  async function* changes(): AsyncGenerator<InstanceId> {
    // What happened while nobody listened is unknown: look at all.
    const waiting = new Set(parts.supervisor.observe().map(({ instance }) => instance));
    let wake = () => {};
    const hear = (instance: InstanceId) => {
      waiting.add(instance);
      wake();
    };
    parts.watchers.add(hear);
    stop.signal.addEventListener('abort', () => wake());
    try {
      while (!stop.signal.aborted) {
        const next = [...waiting];
        waiting.clear();
        yield* next;
        if (waiting.size === 0 && !stop.signal.aborted)
          await new Promise<void>((resolve) => (wake = resolve));
      }
    } finally {
      parts.watchers.delete(hear);
    }
  }

  socket.on('data', (chunk: Buffer) => {
    try {
      read(chunk);
    } catch (error) {
      parts.journal.tell('connection refused', {
        message: reasonOf(error),
      });
      socket.destroy();
    }
  });
  socket.on('error', () => socket.destroy());
  socket.on('close', () => stop.abort());
}

async function handle(call: Exclude<Call, { op: 'logs' | 'watch' }>, parts: Parts): Promise<unknown> {
  const { supervisor } = parts;
  switch (call.op) {
    case 'hello': {
      if (!isSpoken(agreed(call.version, parts.version), parts.version)) {
        throw new Problem(
          'targetUnavailable',
          `The supervisor speaks version ${parts.version} of its protocol, the platform version ${call.version}; ` +
            `stop the supervisor (process ${process.pid}): applications go on, and the platform starts a new one.`,
        );
      }
      // A platform that was put back to an earlier version knows only its own.
      const version = agreed(call.version, parts.version);
      const hello: Hello = { version, pid: process.pid, fences: parts.fences };
      return hello;
    }
    case 'ensure':
      return supervisor.ensure(call.rollout, call.ordinals, call.host);
    case 'retire':
      return supervisor.retire(call.instance, call.rollout, call.keep, call.graceMs);
    case 'observe':
      return supervisor.observe(call.instance);
    case 'ports':
      return parts.ports();
    case 'shutdown':
      if (call.applications === 'stop') await supervisor.rest();
      return undefined;
  }
}
