import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect } from 'node:net';
import type { Probe, ProbeCheck } from '../../../domain/release.ts';
import { LOOPBACK } from './ports.ts';
import { reasonOf } from './reason.ts';
import type { Ended } from './spawn.ts';

/** What one look at an application saw. */
export interface Look {
  readonly isFine: boolean;
  /** In a sentence. */
  readonly saw: string;
  /** Nothing accepted the connection. */
  readonly isRefused: boolean;
}

export interface ProbeTarget {
  readonly port: number;
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
      return lookByTcp(target.port, probe.timeoutMs);
    case 'http':
      return lookByHttp(probe, target.port, probe.timeoutMs);
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
const isRefusal = (error: Error): boolean => 'code' in error && error.code === 'ECONNREFUSED';

function lookByTcp(port: number, timeoutMs: number): Promise<Look> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: LOOPBACK });
    const done = (seen: Look) => {
      socket.destroy();
      resolve(seen);
    };
    socket.setTimeout(timeoutMs, () => done(bad(`PORT (${port}) did not accept within ${timeoutMs} ms`)));
    socket.once('connect', () =>
      done({ isFine: true, saw: `PORT (${port}) accepts connections`, isRefused: false }),
    );
    socket.once('error', (error) => done(isRefusal(error) ? refused(port) : bad(error.message)));
  });
}

function lookByHttp(
  probe: Extract<ProbeCheck, { type: 'http' }>,
  port: number,
  timeoutMs: number,
): Promise<Look> {
  const path = probe.path.startsWith('/') ? probe.path : `/${probe.path}`;
  const what = `${probe.scheme === 'HTTPS' ? 'HTTPS ' : ''}GET ${path}`;
  const options = {
    port,
    path,
    host: LOOPBACK,
    agent: false,
    headers: {
      host: probe.host ?? `${LOOPBACK}:${port}`,
      'user-agent': 'openstage-probe',
      connection: 'close',
    },
    signal: AbortSignal.timeout(timeoutMs),
  };
  return new Promise((resolve) => {
    // An application's own certificate is not for this address.
    const asked =
      probe.scheme === 'HTTPS'
        ? httpsRequest({ ...options, rejectUnauthorized: false })
        : httpRequest(options);
    asked.once('response', (response) => {
      const status = response.statusCode ?? 0;
      response.destroy();
      resolve({
        isFine: status >= 200 && status < 400,
        saw: `HTTP ${status} from ${what}`,
        isRefused: false,
      });
    });
    asked.on('error', (error) => {
      if (isRefusal(error)) resolve(refused(port));
      else if (options.signal.aborted) resolve(bad(`no answer within ${timeoutMs} ms to ${what}`));
      else resolve(bad(`${error.message} on ${what}`));
    });
    asked.end();
  });
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
