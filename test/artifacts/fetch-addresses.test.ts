import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkUrl } from '../../src/connections/destination.ts';
import type { Resolve } from '../../src/connections/destination.ts';
import { parseFetchAllow } from '../../src/connections/fetch-allow.ts';
import { Problem } from '../../src/domain/errors.ts';
import { addresses, aFetcher, problem, redirect, send, sha256 } from './fetching.ts';
import { aFileServer } from './file-server.ts';
import { forbiddenUrls } from './forbidden-urls.ts';

test('there are at least 60 forms of forbidden addresses, all different', () => {
  assert.ok(forbiddenUrls.length >= 60, `${forbiddenUrls.length}`);
  assert.equal(new Set(forbiddenUrls).size, forbiddenUrls.length);
});

test('every form of a forbidden address is refused, and nothing is connected to', async (t) => {
  const canary = await aFileServer(t, send('secret'));
  const { fetch, files } = await aFetcher(t, { totalMs: 5000 });
  for (const form of forbiddenUrls) {
    const url = form.replaceAll('__PORT__', String(canary.port));
    await assert.rejects(
      fetch(url),
      problem(['addressForbidden', 'artifactUnavailable']),
      JSON.stringify(form),
    );
  }
  assert.deepEqual(canary.paths, []);
  assert.deepEqual(await files(), []);
});

test('every form is refused as the target of a redirect, too', async (t) => {
  const canary = await aFileServer(t, send('secret'));
  let target = '';
  const bouncer = await aFileServer(t, (_, response) => redirect(target)(_, response), '127.0.0.2');
  const { fetch } = await aFetcher(t, { permit: '127.0.0.2', totalMs: 5000 });
  for (const form of forbiddenUrls) {
    // These are relative, or no address: they lead back to the server that sent them.
    if (/^(\/v1|$)/.test(form) || /[^\u0020-\u00ff]/.test(form) || form.includes('\n')) continue;
    target = form.replaceAll('__PORT__', String(canary.port));
    await assert.rejects(
      fetch(`http://127.0.0.2:${bouncer.port}/x`),
      problem(['addressForbidden', 'artifactUnavailable']),
      form,
    );
  }
  assert.deepEqual(canary.paths, []);
});

test('the refusal names host, address and the setting that would permit it', async (t) => {
  const { fetch } = await aFetcher(t);
  await assert.rejects(
    fetch('http://inside.example:8081/app.zip'),
    problem(
      'addressForbidden',
      /inside\.example \(10\.2\.3\.4\): it is a private address.*OPENSTAGE_FETCH_ALLOW=inside\.example:8081/,
    ),
  );
  await assert.rejects(
    fetch('http://[fd00::5]/app.zip'),
    problem('addressForbidden', /OPENSTAGE_FETCH_ALLOW=\[fd00::5\]:80/),
  );
  await assert.rejects(
    fetch('http://own.example/app.zip'),
    problem('addressForbidden', /an address of this machine/),
  );
});

test('no message repeats what may be secret in an address', async (t) => {
  const server = await aFileServer(t, (_, response) => void response.writeHead(404).end());
  const { fetch } = await aFetcher(t, { permit: '127.0.0.1' });
  for (const url of [
    'http://user:canary@files.example/p.zip',
    `http://127.0.0.1:${server.port}/p.zip?signature=canary`,
    'ftp://user:canary@files.example/p.zip',
  ]) {
    await assert.rejects(fetch(url), (error: unknown) => {
      assert.ok(error instanceof Problem);
      assert.doesNotMatch(error.message, /canary/);
      return true;
    });
  }
});

test('an address that can be refused by itself is refused before there is a job', () => {
  const allow = parseFetchAllow('127.0.0.1');
  assert.throws(() => checkUrl('http://10.0.0.1/p.zip', allow), problem('addressForbidden'));
  assert.throws(() => checkUrl('file:///etc/passwd', allow), problem('addressForbidden'));
  assert.equal(checkUrl('http://127.0.0.1:1/p.zip', allow).href, 'http://127.0.0.1:1/p.zip');
  assert.equal(checkUrl('https://inside.example/p.zip', allow).hostname, 'inside.example');
});

for (const [permit, does] of [
  ['127.0.0.1', true],
  ['127.0.0.0/8', true],
  ['files.test', false],
  ['127.0.0.1:__PORT__', true],
  ['10.0.0.0/8, 127.0.0.1/32:__PORT__', true],
  ['127.0.0.1:1', false],
  ['127.0.0.2', false],
  ['', false],
] as const) {
  test(`OPENSTAGE_FETCH_ALLOW="${permit}" ${does ? 'permits' : 'does not permit'} 127.0.0.1`, async (t) => {
    const server = await aFileServer(t, send('x'));
    const { fetch } = await aFetcher(t, { permit: permit.replace('__PORT__', String(server.port)) });
    const fetching = fetch(`http://127.0.0.1:${server.port}/p.zip`);
    if (does) await fetching;
    else await assert.rejects(fetching, problem('addressForbidden'));
    assert.equal(server.paths.length, does ? 1 : 0);
  });
}

test('a permitted host is permitted at whatever address it has, and no other host there', async (t) => {
  const server = await aFileServer(t, send('x'));
  const { fetch } = await aFetcher(t, { permit: 'Rebound.Example' });
  await fetch(`http://rebound.example.:${server.port}/p.zip`);
  await fetch(`http://REBOUND.example:${server.port}/p.zip`);
  for (const host of ['localhost', '127.0.0.1', 'sub.rebound.example']) {
    await assert.rejects(fetch(`http://${host}:${server.port}/p.zip`), Problem, host);
  }
});

test('the setting is refused where it is not readable', () => {
  for (const text of [
    'http://host',
    'host:0',
    'host:99999',
    '10.0.0.0/33',
    '127.1',
    'a b',
    '*.corp',
    '10.0.0.0/8/8',
  ]) {
    assert.throws(() => parseFetchAllow(text), /OPENSTAGE_FETCH_ALLOW holds ".+"; expected hosts/, text);
  }
  assert.deepEqual(parseFetchAllow(' , '), []);
  assert.deepEqual(parseFetchAllow('nexus.corp:8081,[::1]:9,::1,fd00::/8'), [
    { host: 'nexus.corp', port: 8081 },
    { range: { base: '::1', bits: 128 }, port: 9 },
    { range: { base: '::1', bits: 128 } },
    { range: { base: 'fd00::', bits: 8 } },
  ]);
});

test('a name is looked up once, and what was checked is what is connected to', async (t) => {
  const canary = await aFileServer(t, send('secret'));
  const server = await aFileServer(t, send('fine'), '127.0.0.2', canary.port);
  let asked = 0;
  const rebinding: Resolve = async () => addresses([++asked === 1 ? '127.0.0.2' : '127.0.0.1']);
  const { fetch } = await aFetcher(t, { permit: '127.0.0.2', resolve: rebinding });
  assert.equal((await fetch(`http://rebound.example:${server.port}/p.zip`)).digest, sha256('fine'));
  assert.equal(asked, 1);
  assert.deepEqual(canary.paths, []);
});

test('a name is checked again at each redirect', async (t) => {
  const canary = await aFileServer(t, send('secret'));
  const server = await aFileServer(
    t,
    redirect(`http://rebound.example:${canary.port}/again.zip`),
    '127.0.0.2',
    canary.port,
  );
  let asked = 0;
  const rebinding: Resolve = async () => addresses([++asked === 1 ? '127.0.0.2' : '127.0.0.1']);
  const { fetch } = await aFetcher(t, { permit: '127.0.0.2', resolve: rebinding });
  await assert.rejects(
    fetch(`http://rebound.example:${server.port}/p.zip`),
    problem('addressForbidden', /127\.0\.0\.1/),
  );
  assert.equal(asked, 2);
  assert.deepEqual(canary.paths, []);
});
