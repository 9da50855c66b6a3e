import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, request as httpRequest } from 'node:http';
import type { Agent, IncomingHttpHeaders, RequestListener, Server } from 'node:http';
import { connect, createServer as createTcpServer } from 'node:net';
import type { Server as TcpServer, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { instanceId } from '../../src/domain/ids.ts';
import type { Route, Target } from '../../src/domain/routes.ts';
import { ControlClient } from '../../src/ingress/control-client.ts';
import { openIngress } from '../../src/ingress/ingress.ts';
import type { Ingress, IngressOptions } from '../../src/ingress/ingress.ts';
import { proxyPaths } from '../../src/ingress/proxy/paths.ts';
import type { Reach } from '../../src/kernel/reach.ts';
import { createProxyServer } from '../../src/ingress/proxy/server.ts';
import type { ServerLimits } from '../../src/ingress/proxy/server.ts';
import { Table } from '../../src/ingress/proxy/table.ts';

export const HOST = 'web.shop.localhost';

/** Long enough for a loaded machine; only a hang comes near it. */
const PATIENCE_MS = 20_000;

export async function until(
  what: string,
  isSo: () => boolean | Promise<boolean>,
  patienceMs = PATIENCE_MS,
): Promise<void> {
  const deadline = performance.now() + patienceMs;
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error(`It never came true that ${what}.`);
    await setTimeout(5);
  }
}

export function aDataDir(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'openstage-'));
  t.after(() => rmSync(directory, { recursive: true, force: true, maxRetries: 5 }));
  return directory;
}

export function ingressOptions(dataDir: string, more: Partial<IngressOptions> = {}): IngressOptions {
  const log = { info: () => undefined, warn: () => undefined };
  return { dataDir, bind: '127.0.0.1', port: 0, node: process.execPath, log, ...more };
}

/** The real proxy, in its own process. */
export async function anIngress(t: TestContext, dataDir = aDataDir(t)): Promise<Ingress> {
  const ingress = await openIngress(ingressOptions(dataDir));
  t.after(() => ingress.shutdown());
  return ingress;
}

/** The same server inside this process, with a table to set. */
export async function aProxyServer(t: TestContext, limits?: ServerLimits, reach?: Reach) {
  const table = new Table(reach, limits?.mostOfOne);
  const server = createProxyServer(table, limits);
  const port = await listen(t, server);
  let version = 0;
  const route = (...routes: Route[]) => table.apply({ version: ++version, routes });
  return { port, table, route };
}

export function aRoute(targets: readonly Target[], more: Partial<Route> = {}): Route {
  return { instance: instanceId('shop-web'), hosts: [HOST], targets, ...more };
}

export function target(port: number, replica = `replica-${String(port)}`): Target {
  return { replica, host: '127.0.0.1', port };
}

/** An application: a real HTTP server that knows how to end. */
export async function anApplication(
  t: TestContext,
  answer: RequestListener,
): Promise<{ port: number; server: Server }> {
  const server = createServer(answer);
  return { port: await listen(t, server), server };
}

/** An application that minds every byte itself. */
export async function aTcpServer(t: TestContext, serve: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createTcpServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    serve(socket);
  });
  t.after(() => {
    for (const socket of sockets) socket.destroy();
  });
  return listen(t, server);
}

/** A port on which nobody listens. */
export async function aDeadPort(t: TestContext): Promise<number> {
  const server = createTcpServer();
  const port = await listen(t, server);
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function listen(t: TestContext, server: TcpServer | Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.close();
    if ('closeAllConnections' in server) server.closeAllConnections();
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The test server has no port.');
  return address.port;
}

export interface Asked {
  readonly method?: string;
  readonly path?: string;
  readonly host?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string | Buffer;
  readonly agent?: Agent | false;
}

export interface Answered {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly rawHeaders: readonly string[];
  readonly text: string;
}

export function ask(port: number, asked: Asked = {}): Promise<Answered> {
  const { method = 'GET', path = '/', host = HOST, headers = {}, body, agent = false } = asked;
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      { host: '127.0.0.1', port, method, path, headers: { Host: host, ...headers }, agent },
      (response) => {
        const parts: Buffer[] = [];
        response.on('data', (part: Buffer) => parts.push(part));
        response.on('error', reject);
        response.on('end', () => {
          const { statusCode = 0, headers: answered, rawHeaders } = response;
          resolve({
            status: statusCode,
            headers: answered,
            rawHeaders,
            text: Buffer.concat(parts).toString(),
          });
        });
      },
    );
    request.on('error', reject);
    request.end(body);
  });
}

/** Sends bytes as they are and returns all that comes back until the other side ends, or falls silent. */
export function sendRaw(port: number, bytes: string | Buffer, silenceMs = 300): Promise<string> {
  return new Promise((resolve) => {
    const parts: Buffer[] = [];
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
    const end = () => {
      socket.destroy();
      resolve(Buffer.concat(parts).toString('latin1'));
    };
    socket.on('data', (part: Buffer) => parts.push(part));
    socket.on('error', end);
    socket.on('end', end);
    socket.setTimeout(silenceMs, end);
  });
}

/** An application that tells each request as it got it. */
export const echo = (t: TestContext) =>
  anApplication(t, (request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const { method, url, rawHeaders } = request;
      const length = Buffer.concat(parts).length;
      response.end(JSON.stringify({ method, url, rawHeaders, length }));
    });
  });

/** A control connection of the test's own. */
export async function control(t: TestContext, dataDir: string): Promise<ControlClient> {
  const client = await ControlClient.open(proxyPaths(dataDir).socket);
  assert(client !== undefined, 'the proxy answers on its control socket');
  t.after(() => client.close());
  return client;
}

/** The status of an answer, or nothing while nobody listens. */
export async function status(ingress: Ingress): Promise<number | undefined> {
  try {
    return (await ask(ingress.address().port)).status;
  } catch {
    return undefined;
  }
}
