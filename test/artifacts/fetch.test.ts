import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import type { Resolve } from '../../src/connections/destination.ts';
import { aFetcher, passing, problem, redirect, send, sha256 } from './fetching.ts';
import { aFileServer } from './file-server.ts';

test('a package is fetched, kept by digest and called as its address says', async (t) => {
  const bytes = Buffer.alloc(300_000, 'zip');
  const server = await aFileServer(t, send(bytes));
  const { fetch, store } = await aFetcher(t, { permit: '127.0.0.1' });
  const fetched = await fetch(`http://127.0.0.1:${server.port}/releases/shop%20app-1.0.zip?token=x`);
  assert.deepEqual(fetched, { digest: sha256(bytes), size: bytes.length, fileName: 'shop app-1.0.zip' });
  assert.deepEqual(await readFile(store.path(fetched.digest)), bytes);
});

test('an address without a file name takes the name from the server or from where it was sent', async (t) => {
  const server = await aFileServer(t, (request, response) => {
    if (request.url === '/sent') redirect('/files/app.war')(request, response);
    else if (request.url === '/named') {
      response
        .writeHead(200, {
          'content-disposition': `attachment; filename="../../etc/evil.jar"; filename*=UTF-8''caf%C3%A9.jar`,
        })
        .end('x');
    } else response.end('x');
  });
  const { fetch } = await aFetcher(t, { permit: '127.0.0.1' });
  const nameOf = async (path: string) => (await fetch(`http://127.0.0.1:${server.port}${path}`)).fileName;
  assert.equal(await nameOf('/sent'), 'app.war');
  assert.equal(await nameOf('/named'), 'café.jar');
  assert.equal(await nameOf('/'), 'package');
  assert.equal(await nameOf('/..%2f..%2fevil.zip'), 'evil.zip');
});

test('five redirects are followed, six are not', async (t) => {
  const server = await aFileServer(t, (request, response) => {
    const left = Number((request.url ?? '').slice(1));
    if (left > 0) redirect(`./${left - 1}`, [301, 302, 303, 307, 308][left % 5])(request, response);
    else response.end('there');
  });
  const { fetch } = await aFetcher(t, { permit: '127.0.0.1' });
  assert.equal((await fetch(`http://127.0.0.1:${server.port}/5`)).digest, sha256('there'));
  await assert.rejects(
    fetch(`http://127.0.0.1:${server.port}/6`),
    problem('artifactUnavailable', /more than 5 times/),
  );
});

for (const status of [204, 300, 400, 401, 403, 404, 410, 416]) {
  test(`an answer of ${status} is final, and says what to do`, async (t) => {
    const server = await aFileServer(t, (_, response) => void response.writeHead(status).end());
    const { fetch, files } = await aFetcher(t, { permit: '127.0.0.1' });
    await assert.rejects(
      fetch(`http://127.0.0.1:${server.port}/p.zip`),
      problem('artifactUnavailable', new RegExp(`answered ${status}; .+`)),
    );
    assert.deepEqual(await files(), []);
  });
}

for (const status of [408, 425, 429, 500, 502, 503]) {
  test(`an answer of ${status} may pass`, async (t) => {
    const server = await aFileServer(t, (_, response) => void response.writeHead(status).end());
    const { fetch } = await aFetcher(t, { permit: '127.0.0.1' });
    await assert.rejects(
      fetch(`http://127.0.0.1:${server.port}/p.zip`),
      passing(new RegExp(`answered ${status}`)),
    );
  });
}

test('a refused connection and a failing name service may pass; a host that does not exist is final', async (t) => {
  const server = await aFileServer(t, send('x'));
  const { fetch } = await aFetcher(t, { permit: '127.0.0.3' });
  await assert.rejects(fetch(`http://127.0.0.3:${server.port}/p.zip`), passing(/ECONNREFUSED/));
  await assert.rejects(
    fetch('http://gone.example/p.zip'),
    problem('artifactUnavailable', /gone\.example does not exist/),
  );
  const down: Resolve = () => Promise.reject(Object.assign(new Error('try again'), { code: 'EAI_AGAIN' }));
  const other = await aFetcher(t, { resolve: down });
  await assert.rejects(other.fetch('http://files.example/p.zip'), passing(/EAI_AGAIN/));
});

test('a certificate that nobody vouches for is final', async (t) => {
  const { createServer } = await import('node:https');
  const { generate } = await import('selfsigned');
  const { private: key, cert } = await generate([{ name: 'commonName', value: 'files.test' }]);
  const server = createServer({ key, cert }, (_, response) => void response.end('x'));
  await new Promise<void>((done) => void server.listen(0, '127.0.0.1', done));
  t.after(() => server.close());
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  const { fetch } = await aFetcher(t, { permit: '127.0.0.1' });
  await assert.rejects(
    fetch(`https://127.0.0.1:${address.port}/p.zip`),
    problem('artifactUnavailable', /cannot be trusted.*NODE_EXTRA_CA_CERTS/),
  );
});

test('what does not speak HTTP is final', async (t) => {
  const { createServer } = await import('node:net');
  const server = createServer((socket) => socket.on('error', () => undefined).end('220 mail ready\r\n'));
  await new Promise<void>((done) => void server.listen(0, '127.0.0.1', done));
  t.after(() => server.close());
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  const { fetch } = await aFetcher(t, { permit: '127.0.0.1' });
  await assert.rejects(
    fetch(`http://127.0.0.1:${address.port}/p.zip`),
    problem('artifactUnavailable', /does not answer as an HTTP server/),
  );
});

test('a package that is too large is refused by its announcement, or by its bytes', async (t) => {
  const server = await aFileServer(t, (request, response) => {
    if (request.url === '/announced') response.writeHead(200, { 'content-length': '1000000' }).flushHeaders();
    else for (let sent = 0; sent < 50; sent++) response.write(Buffer.alloc(1000));
  });
  const { fetch, files } = await aFetcher(t, { permit: '127.0.0.1', maxBytes: 10_000 });
  await assert.rejects(
    fetch(`http://127.0.0.1:${server.port}/announced`),
    problem('tooLarge', /has 1000000 bytes, more than the limit of 10000/),
  );
  await assert.rejects(
    fetch(`http://127.0.0.1:${server.port}/endless`),
    problem('tooLarge', /limit of 10000 bytes/),
  );
  assert.deepEqual(await files(), []);
});

test('a package that breaks off may pass, and leaves nothing', async (t) => {
  const server = await aFileServer(t, (_, response) => {
    response.writeHead(200, { 'content-length': '1000' }).write('half');
    setImmediate(() => response.destroy());
  });
  const { fetch, files } = await aFetcher(t, { permit: '127.0.0.1' });
  await assert.rejects(fetch(`http://127.0.0.1:${server.port}/p.zip`), passing(/failed|aborted|hang up/));
  assert.deepEqual(await files(), []);
});

test('a server that says nothing, and one that stops in the middle, are given up', async (t) => {
  const server = await aFileServer(t, (request, response) => {
    if (request.url === '/middle') response.writeHead(200).write('half');
  });
  const { fetch, files } = await aFetcher(t, { permit: '127.0.0.1', idleMs: 100 });
  await assert.rejects(fetch(`http://127.0.0.1:${server.port}/silent`), passing(/was silent for 100 ms/));
  await assert.rejects(fetch(`http://127.0.0.1:${server.port}/middle`), passing(/was silent for 100 ms/));
  assert.deepEqual(await files(), []);
});

test('a server that trickles is given up when its time is over', async (t) => {
  const server = await aFileServer(t, (_, response) => {
    const drip = setInterval(() => response.write('x'), 20);
    response.on('close', () => clearInterval(drip));
  });
  const { fetch, files } = await aFetcher(t, { permit: '127.0.0.1', idleMs: 5000, totalMs: 300 });
  await assert.rejects(
    fetch(`http://127.0.0.1:${server.port}/p.zip`),
    passing(/did not arrive within 300 ms/),
  );
  assert.deepEqual(await files(), []);
});

test('a name service that never answers is given up, too', async (t) => {
  const { fetch } = await aFetcher(t, { resolve: () => new Promise(() => undefined), totalMs: 100 });
  await assert.rejects(fetch('http://files.example/p.zip'), passing(/did not arrive within 100 ms/));
});

test('a fetch that is called off throws the reason and leaves nothing', async (t) => {
  const control = new AbortController();
  const reason = new Error('called off');
  const server = await aFileServer(t, (_, response) => {
    response.writeHead(200).write('half');
    control.abort(reason);
  });
  const { fetch, files } = await aFetcher(t, { permit: '127.0.0.1', signal: control.signal });
  await assert.rejects(fetch(`http://127.0.0.1:${server.port}/p.zip`), reason);
  await assert.rejects(fetch(`http://127.0.0.1:${server.port}/p.zip`), reason);
  assert.deepEqual(await files(), []);
});

test('a package that is not what was expected is not kept', async (t) => {
  const server = await aFileServer(t, send('changed'));
  const { fetch, files } = await aFetcher(t, { permit: '127.0.0.1', expect: sha256('original') });
  await assert.rejects(
    fetch(`http://127.0.0.1:${server.port}/p.zip`),
    problem('artifactUnavailable', /SHA-256/),
  );
  assert.deepEqual(await files(), []);
});
