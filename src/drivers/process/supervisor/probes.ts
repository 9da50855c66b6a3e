import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { isIP } from 'node:net';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Probe, ProbeCheck } from '../../../domain/release.ts';
import { Stranger } from '../../../kernel/reach.ts';
import { LOOPBACK } from './ports.ts';
import { reasonOf } from './reason.ts';
import type { Ended } from './spawn.ts';

/** What one look at an application saw. */
export interface Look {
  readonly isFine: boolean;
  /** In a sentence. */
  readonly saw: string;
  /** Nothing of the application's accepted the connection. */
  readonly isRefused: boolean;
  /** Another user's program has the port: it was told nothing, and what it would have answered is nothing. */
  readonly isTaken?: true;
}

export interface ProbeTarget {
  readonly port: number;
  /** To the application; where the kernel tells whose a socket is, to nobody else. */
  readonly connect: (withinMs: number) => Promise<Socket>;
  readonly isOwnerAsked: boolean;
  /** Where and as whom the command of a probe or hook runs. */
  readonly run: (command: readonly string[]) => Running;
}

/** The command of a probe or hook, from its start on. */
export interface Running {
  /** Rejects with a sentence where it could not be started. */
  readonly ended: Promise<Ended>;
  readonly lastLine: () => string;
  /** Ends it, with what it started in its own session. */
  stop(): void;
}

/** No probe was asked for: what the runtime itself answers decides, else the port. */
export const ownProbe = (readinessPath: string | undefined): Probe =>
  readinessPath === undefined
    ? { type: 'tcp', delayMs: 0, timeoutMs: 1000 }
    : { type: 'http', scheme: 'HTTP', path: readinessPath, delayMs: 0, timeoutMs: 1000 };

export async function look(probe: Probe, target: ProbeTarget): Promise<Look> {
  try {
    return await lookBy(probe, target);
  } catch (error) {
    return bad(`the probe failed: ${reasonOf(error)}`);
  }
}

function lookBy(probe: Probe, target: ProbeTarget): Promise<Look> {
  switch (probe.type) {
    case 'tcp':
      return lookByTcp(target, probe.timeoutMs);
    case 'http':
      return lookByHttp(probe, target, probe.timeoutMs);
    case 'command':
      return lookByCommand(probe.command, target, probe.timeoutMs);
  }
}

const refused = (port: number): Look => ({
  isFine: false,
  saw: `nothing listens on PORT (${port})`,
  isRefused: true,
});
const bad = (saw: string): Look => ({ isFine: false, saw, isRefused: false });

function failed(port: number, error: unknown, what: string): Look {
  if (error instanceof Stranger)
    return {
      isFine: false,
      saw: `another program listens on PORT (${port})`,
      isRefused: true,
      isTaken: true,
    };
  if (error instanceof Error && 'code' in error && error.code === 'ECONNREFUSED') return refused(port);
  return bad(`${reasonOf(error)}${what}`);
}

/** Absent: it did not come about in time. Whether the application has accepted is looked at, too, and takes its time. */
async function connected(target: ProbeTarget, timeoutMs: number): Promise<Socket | undefined> {
  const connecting = target.connect(timeoutMs);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), timeoutMs);
  });
  try {
    const socket = await Promise.race([connecting, late]);
    if (!socket)
      connecting.then(
        (unwanted) => unwanted.destroy(),
        () => {},
      );
    return socket;
  } finally {
    clearTimeout(timer);
  }
}

async function lookByTcp(target: ProbeTarget, timeoutMs: number): Promise<Look> {
  const { port } = target;
  try {
    const socket = await connected(target, timeoutMs);
    if (!socket) return bad(`PORT (${port}) did not accept within ${timeoutMs} ms`);
    socket.on('error', () => {});
    socket.destroy();
    return { isFine: true, saw: `PORT (${port}) accepts connections`, isRefused: false };
  } catch (error) {
    return failed(port, error, '');
  }
}

async function lookByHttp(
  probe: Extract<ProbeCheck, { type: 'http' }>,
  target: ProbeTarget,
  timeoutMs: number,
): Promise<Look> {
  const path = probe.path.startsWith('/') ? probe.path : `/${probe.path}`;
  const what = `${probe.scheme === 'HTTPS' ? 'HTTPS ' : ''}GET ${path}`;
  const { port } = target;
  const late = bad(`no answer within ${timeoutMs} ms to ${what}`);
  const until = performance.now() + timeoutMs;
  let socket: Socket | undefined;
  try {
    socket = await connected(target, timeoutMs);
    if (!socket) return late;
    const leftMs = Math.max(1, Math.floor(until - performance.now()));
    return (await statusOver(socket, probe, path, port, leftMs, what)) ?? late;
  } catch (error) {
    return failed(port, error, ` on ${what}`);
  } finally {
    socket?.destroy();
  }
}

/** Absent: no answer in time. */
function statusOver(
  socket: Socket,
  { scheme, host }: Extract<ProbeCheck, { type: 'http' }>,
  path: string,
  port: number,
  timeoutMs: number,
  what: string,
): Promise<Look | undefined> {
  const signal = AbortSignal.timeout(timeoutMs);
  const headers = {
    host: host ?? `${LOOPBACK}:${port}`,
    'user-agent': 'openstage-probe',
    connection: 'close',
  };
  const options = { port, path, host: LOOPBACK, headers, signal };
  return new Promise((resolve, reject) => {
    const asked =
      scheme === 'HTTPS'
        ? httpsRequest({ ...options, createConnection: () => overTls(socket, host) })
        : httpRequest({ ...options, createConnection: () => socket });
    asked.once('response', (response) => {
      const status = response.statusCode ?? 0;
      response.destroy();
      resolve({
        isFine: status >= 200 && status < 400,
        saw: `HTTP ${status} from ${what}`,
        isRefused: false,
      });
    });
    asked.on('error', (error) => (signal.aborted ? resolve(undefined) : reject(error)));
    asked.end();
  });
}

/** An application's own certificate is not for this address. */
function overTls(socket: Socket, host = ''): Socket {
  const name = host.replace(/:\d+$/, '');
  const servername = isIP(name.replace(/^\[|\]$/g, '')) === 0 ? name : '';
  return connectTls({ socket, rejectUnauthorized: false, servername });
}

async function lookByCommand(
  command: readonly string[],
  target: ProbeTarget,
  timeoutMs: number,
): Promise<Look> {
  const name = `command "${command[0] ?? ''}"`;
  const running = target.run(command);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<'late'>((resolve) => {
    timer = setTimeout(() => resolve('late'), timeoutMs);
  });
  try {
    const end = await Promise.race([running.ended, late]);
    if (end === 'late') {
      running.stop();
      running.ended.catch(() => {});
      return bad(`${name} did not end within ${timeoutMs} ms`);
    }
    if (end.flaw !== undefined) return bad(`${name} could not be started: ${end.flaw}`);
    const last = running.lastLine();
    const how = end.signal === undefined ? `exited with code ${end.code ?? 0}` : `was ended by ${end.signal}`;
    return { isFine: end.code === 0, saw: `${name} ${how}${last ? `: ${last}` : ''}`, isRefused: false };
  } finally {
    clearTimeout(timer);
  }
}
