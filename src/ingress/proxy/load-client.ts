import { once } from 'node:events';
import { createServer } from 'node:http';
import Client from 'undici/lib/dispatcher/client.js';

/**
 * The client loads its parser with its first connection. We outlive the directory that it lies in (`npm ci`, the next
 * version), so it makes that connection now.
 */
export async function loadClient(): Promise<void> {
  const server = createServer((_, response) => response.writeHead(204).end());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  const client = new Client(`http://127.0.0.1:${String(port)}`, { allowH2: false });
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
