import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { Connection, requestBytes } from './http-load.ts';
import { sleep } from './machine.ts';

/** Between two attempts to reach what was just started; a refused connection costs next to nothing. */
const LOOK_MS = 2;
const MOST_LOOKS = 30_000;

export interface BareApp {
  readonly port: number;
  /** From the spawn until the first answer. */
  readonly startMs: number;
  stop(): Promise<void>;
}

/** Starts a program with nothing around it. */
export async function startBare(argv: readonly string[], cwd: string): Promise<BareApp> {
  const [command = '', ...args] = argv;
  const port = await freePort();
  const begun = performance.now();
  const child = spawn(command, args, { cwd, env: environment(port), stdio: 'ignore' });
  await answering(port);
  return { port, startMs: performance.now() - begun, stop: () => stop(child) };
}

export const environment = (port: number) => ({
  ...process.env,
  NODE_ENV: 'production',
  PORT: String(port),
  SERVER_PORT: String(port),
});

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}

/** Until something answers there with a 2xx. */
export async function answering(port: number): Promise<void> {
  const request = requestBytes('GET', '/', {});
  for (let look = 0; look < MOST_LOOKS; look += 1) {
    try {
      const connection = await Connection.open(port);
      const { status } = await connection.ask(request);
      connection.close();
      if (status < 300) return;
    } catch {
      // Not yet.
    }
    await sleep(LOOK_MS);
  }
  throw new Error(`Nothing answered on port ${port}.`);
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}
