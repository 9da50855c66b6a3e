import assert from 'node:assert/strict';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { TestContext } from 'node:test';
import { parseFetchAllow } from '../../src/connections/fetch-allow.ts';
import type { Reach } from '../../src/git/host-client.ts';

/** One call and its answer, as the host's public documentation gives them. */
export interface Exchange {
  /** "GET /api/v4/user?per_page=100&page=1" */
  readonly ask: string;
  /** What the body must hold; text is compared with what was sent. */
  readonly sent?: object | string;
  readonly status?: number;
  /** JSON, or text as it is. */
  readonly answer?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface RecordedHost {
  readonly url: string;
  readonly reach: Reach;
  /** Headers of every request, in order. */
  readonly seen: readonly IncomingHttpHeaders[];
  /** From now on these calls, in this order. */
  expect(...exchanges: Exchange[]): void;
  /** All that was expected was asked. */
  done(): void;
}

/** A host that knows nothing but what a test tells it to answer next; anything else is a mistake that the test shows. */
export async function recordedHost(t: Pick<TestContext, 'after'>): Promise<RecordedHost> {
  const waiting: Exchange[] = [];
  const seen: IncomingHttpHeaders[] = [];
  const mistakes: string[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString('utf8');
      const asked = `${request.method} ${request.url}`;
      const exchange = waiting.shift();
      seen.push(request.headers);
      const mistake = exchange ? mistakeIn(exchange, asked, body) : `${asked} was not expected`;
      if (mistake !== undefined) mistakes.push(mistake);
      const { status = 200, answer, headers = {} } = exchange ?? { status: 599 };
      const text = typeof answer === 'string' ? answer : answer === undefined ? '' : JSON.stringify(answer);
      response.writeHead(mistake === undefined ? status : 599, headers).end(text);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The recorded host has no port.');
  return {
    url: `http://127.0.0.1:${address.port}`,
    reach: { allow: parseFetchAllow(`127.0.0.1:${address.port}`) },
    seen,
    expect: (...exchanges) => void waiting.push(...exchanges),
    done() {
      assert.deepEqual(mistakes, []);
      assert.deepEqual(waiting, [], 'not everything was asked');
    },
  };
}

function mistakeIn({ ask, sent }: Exchange, asked: string, body: string): string | undefined {
  if (asked !== ask) return `asked ${asked}, expected ${ask}`;
  if (sent === undefined) return undefined;
  if (typeof sent === 'string') return body.includes(sent) ? undefined : `${ask} sent ${body}`;
  try {
    assert.deepEqual(JSON.parse(body), sent);
    return undefined;
  } catch {
    return `${ask} sent ${body}, expected ${JSON.stringify(sent)}`;
  }
}
