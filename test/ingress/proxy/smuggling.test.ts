import assert from 'node:assert/strict';
import { test } from 'node:test';
import { anApplication, aProxyServer, aRoute, HOST, sendRaw, target } from '../stage.ts';

interface Case {
  readonly title: string;
  readonly bytes: string;
  /** The status of the first answer, 0 for none; the connection ends after a refusal. */
  readonly status: number;
  /** What reaches the application: method, path and body of each request, exactly. */
  readonly seen?: readonly string[];
}

const H = `Host: ${HOST}\r\n`;
const SMUGGLED = `GET /smuggled HTTP/1.1\r\n${H}\r\n`;

const cases: readonly Case[] = [
  refused(
    'both Content-Length and Transfer-Encoding',
    `POST / HTTP/1.1\r\n${H}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${SMUGGLED}`,
  ),
  refused(
    'Transfer-Encoding, then Content-Length',
    `POST / HTTP/1.1\r\n${H}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n${SMUGGLED}`,
  ),
  refused(
    'two Content-Lengths that differ',
    `POST / HTTP/1.1\r\n${H}Content-Length: 0\r\nContent-Length: 46\r\n\r\n${SMUGGLED}`,
  ),
  refused(
    'two Content-Lengths that agree',
    `POST / HTTP/1.1\r\n${H}Content-Length: 2\r\nContent-Length: 2\r\n\r\nab`,
  ),
  refused('a list as Content-Length', `POST / HTTP/1.1\r\n${H}Content-Length: 2, 2\r\n\r\nab`),
  refused('a Content-Length with a sign', `POST / HTTP/1.1\r\n${H}Content-Length: +2\r\n\r\nab`),
  refused('a negative Content-Length', `POST / HTTP/1.1\r\n${H}Content-Length: -1\r\n\r\n`),
  refused('a hexadecimal Content-Length', `POST / HTTP/1.1\r\n${H}Content-Length: 0x2\r\n\r\nab`),
  refused(
    'a Content-Length beyond 64 bits',
    `POST / HTTP/1.1\r\n${H}Content-Length: 99999999999999999999\r\n\r\n`,
  ),
  refused('an empty Content-Length', `POST / HTTP/1.1\r\n${H}Content-Length: \r\n\r\n${SMUGGLED}`),
  refused('a space before the colon', `POST / HTTP/1.1\r\n${H}Content-Length : 2\r\n\r\nab`),
  refused(
    'a space before the colon of Transfer-Encoding',
    `POST / HTTP/1.1\r\n${H}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n`,
  ),
  refused('an unknown coding', `POST / HTTP/1.1\r\n${H}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`),
  refused(
    'chunked before identity',
    `POST / HTTP/1.1\r\n${H}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n`,
  ),
  refused(
    'identity before chunked',
    `POST / HTTP/1.1\r\n${H}Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n`,
  ),
  refused('gzip before chunked', `POST / HTTP/1.1\r\n${H}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`),
  refused(
    'chunked twice',
    `POST / HTTP/1.1\r\n${H}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  ),
  refused(
    'a vertical tab in Transfer-Encoding',
    `POST / HTTP/1.1\r\n${H}Transfer-Encoding:\u000bchunked\r\n\r\n0\r\n\r\n`,
  ),
  refused(
    'Transfer-Encoding in HTTP/1.0',
    `POST / HTTP/1.0\r\n${H}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  ),
  refused('an obsolete fold', `GET / HTTP/1.1\r\n${H}X-One: a\r\n b\r\n\r\n`),
  refused(
    'a folded Transfer-Encoding',
    `POST / HTTP/1.1\r\n${H}Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n`,
  ),
  refused('a fold before the first header', `GET / HTTP/1.1\r\n X-One: a\r\n${H}\r\n`),
  refused('a header without a colon', `GET / HTTP/1.1\r\n${H}X-One\r\n\r\n`),
  refused('an empty header name', `GET / HTTP/1.1\r\n${H}: a\r\n\r\n`),
  refused('NUL in a value', `GET / HTTP/1.1\r\n${H}X-One: a\u0000b\r\n\r\n`),
  refused('a bare CR in a value', `GET / HTTP/1.1\r\n${H}X-One: a\rTransfer-Encoding: chunked\r\n\r\n`),
  refused('bare LF as the end of lines', `GET / HTTP/1.1\nHost: ${HOST}\n\n`),
  refused(
    'bare LF before a hidden header',
    `GET / HTTP/1.1\r\n${H}X-One: a\nContent-Length: 46\r\n\r\n${SMUGGLED}`,
  ),
  refused(
    'a chunk size that is no number',
    `POST / HTTP/1.1\r\n${H}Transfer-Encoding: chunked\r\n\r\nzz\r\n`,
  ),
  refused('two Hosts', `GET / HTTP/1.1\r\n${H}Host: other.shop.localhost\r\n\r\n`),
  refused('no Host', `GET / HTTP/1.1\r\n\r\n`),
  refused('a Host with a user', `GET / HTTP/1.1\r\nHost: a@${HOST}\r\n\r\n`),
  refused('a Host with a path', `GET / HTTP/1.1\r\nHost: ${HOST}/x\r\n\r\n`),
  refused('a target for another host', `GET http://other.shop.localhost/ HTTP/1.1\r\n${H}\r\n`),
  refused('a target of another scheme', `GET ftp://${HOST}/ HTTP/1.1\r\n${H}\r\n`),
  refused('an asterisk as target', `OPTIONS * HTTP/1.1\r\n${H}\r\n`),
  refused('a space in the target', `GET /a b HTTP/1.1\r\n${H}\r\n`),
  refused('an unknown method', `FROB / HTTP/1.1\r\n${H}\r\n`),
  refused('an unknown version', `GET / HTTP/3.7\r\n${H}\r\n`),
  refused('HTTP/2 with prior knowledge', `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n`),
  { title: 'CONNECT', bytes: `CONNECT ${HOST}:80 HTTP/1.1\r\n${H}\r\n${SMUGGLED}`, status: 405 },
  {
    title: 'headers above 32 KiB',
    bytes: `GET / HTTP/1.1\r\n${H}X-One: ${'a'.repeat(33 * 1024)}\r\n\r\n`,
    status: 431,
  },
  {
    title: 'an h2c offer is ignored',
    bytes: `GET /h2c HTTP/1.1\r\n${H}Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n\r\n`,
    status: 200,
    seen: ['GET /h2c '],
  },
  {
    title: 'a body that looks like a request stays a body',
    bytes: `POST /a HTTP/1.1\r\n${H}Content-Length: ${String(SMUGGLED.length)}\r\n\r\n${SMUGGLED}`,
    status: 200,
    seen: [`POST /a ${SMUGGLED}`],
  },
  {
    title: 'a chunked body that looks like a request stays a body',
    bytes: `POST /a HTTP/1.1\r\n${H}Transfer-Encoding: chunked\r\n\r\n${SMUGGLED.length.toString(16)}\r\n${SMUGGLED}\r\n0\r\n\r\n`,
    status: 200,
    seen: [`POST /a ${SMUGGLED}`],
  },
  {
    title: 'the body of a GET stays a body',
    bytes: `GET /a HTTP/1.1\r\n${H}Content-Length: ${String(SMUGGLED.length)}\r\n\r\n${SMUGGLED}`,
    status: 200,
    seen: [`GET /a ${SMUGGLED}`],
  },
  {
    title: 'the body of a DELETE in chunks stays a body',
    bytes: `DELETE /a HTTP/1.1\r\n${H}Transfer-Encoding: chunked\r\n\r\n2;ext=1\r\nab\r\n0\r\nTrailer: x\r\n\r\n`,
    status: 200,
    seen: ['DELETE /a ab'],
  },
  {
    title: 'Connection cannot unname the body',
    bytes: `POST /a HTTP/1.1\r\n${H}Connection: content-length, host\r\nContent-Length: 2\r\n\r\nab`,
    status: 200,
    seen: ['POST /a ab'],
  },
  {
    title: 'a target with the same host is reduced to its path',
    bytes: `GET http://${HOST.toUpperCase()}/a?b=c HTTP/1.1\r\n${H}\r\n`,
    status: 200,
    seen: ['GET /a?b=c '],
  },
  {
    title: 'pipelined requests are answered in order',
    bytes: `GET /1 HTTP/1.1\r\n${H}\r\nGET /2 HTTP/1.1\r\n${H}\r\n`,
    status: 200,
    seen: ['GET /1 ', 'GET /2 '],
  },
  refused('a raw byte above 127 in the target', `GET /\u00e9 HTTP/1.1\r\n${H}\r\n`),
  {
    title: 'a malformed request behind a good one does not get its answer',
    bytes: `GET /1 HTTP/1.1\r\n${H}\r\nGET /2 HTTP/1.1\r\n${H}Content-Length: x\r\n\r\n`,
    status: 0,
    seen: [],
  },
];

function refused(what: string, bytes: string): Case {
  return { title: `${what} is refused`, bytes, status: 400 };
}

for (const { title, bytes, status, seen = [] } of cases) {
  test(title, async (t) => {
    const reached: string[] = [];
    const application = await anApplication(t, (request, response) => {
      const parts: Buffer[] = [];
      request.on('data', (part: Buffer) => parts.push(part));
      request.on('end', () => {
        reached.push(
          `${request.method ?? ''} ${request.url ?? ''} ${Buffer.concat(parts).toString('latin1')}`,
        );
        response.end('fine');
      });
    });
    const proxy = await aProxyServer(t);
    proxy.route(
      aRoute([target(application.port)]),
      aRoute([target(application.port)], { hosts: ['other.shop.localhost'] }),
    );
    const answer = await sendRaw(proxy.port, Buffer.from(bytes, 'latin1'));
    assert.deepEqual(reached.toSorted(), [...seen].toSorted());
    const first = status === 0 ? /^$/ : new RegExp(`^HTTP/1\\.1 ${String(status)} `);
    assert.match(answer, first);
    if (status >= 400) {
      assert.equal(answer.split('HTTP/1.1 ').length, 2, 'there is one answer');
      assert.match(answer, /\r\nconnection: close\r\n/i);
    }
  });
}
