import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { createServer } from 'node:http';
import Client from 'undici/lib/dispatcher/client.js';

/**
 * The client loads its parser with its first connection. We outlive the directory that it lies in (`npm ci`, the next
 * version), so it makes that connection now,
 * to itself, where nobody else can come between.
 */
export async function loadClient(path: string): Promise<void> {
  rmSync(path, { force: true });
  const server = createServer((_, response) => response.writeHead(204).end());
  server.listen(path);
  await once(server, 'listening');
  const client = new Client('http://localhost', { allowH2: false, socketPath: path });
  const over = Promise.withResolvers<void>();
  client.dispatch(
    { method: 'GET', path: '/' },
    {
      onRequestStart: () => undefined,
      onResponseStart: () => undefined,
      onResponseData: () => undefined,
      onResponseEnd: () => over.resolve(),
      onResponseError: (_, error) => over.reject(error),
    },
  );
  await over.promise.finally(() => {
    void client.destroy();
    server.close();
    server.closeAllConnections();
  });
}
