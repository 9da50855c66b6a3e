import assert from 'node:assert/strict';
import { test } from 'node:test';
import { canonicalForms, type CanonicalRequest } from '../../src/iam/canonical-request.ts';
import { isSignedBy, sha256 } from '../../src/iam/signature.ts';
import { readSignedHeader } from '../../src/iam/signed-header.ts';

const AK = 'AKEXAMPLE00000000001';
const SK = 'sk-example-not-a-real-secret-0000000001';
const DATE = '20260102T030405Z';

interface Vector {
  readonly title: string;
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly names: string;
  readonly payload: string;
  readonly hash: string;
  readonly signature: string;
}

/** What UTF-8 bytes look like where each byte is a character. */
const bytes = (text: string) => Buffer.from(text, 'utf8').toString('latin1');
const PROJECT = '0605768a0300d5762f6bc01f5a4b8f0e';

/** Computed by an independent implementation and equal to those of the clients' own signers. */
const vectors: readonly Vector[] = [
  {
    title: 'an empty body, a temporary key',
    method: 'GET',
    url: `/v3/${PROJECT}/cas/applications`,
    headers: { host: 'ss.example.com', 'x-project-id': PROJECT, 'x-security-token': 'STS-TOKEN-1' },
    names: 'host;x-project-id;x-sdk-date;x-security-token',
    payload: sha256(''),
    hash: 'dd76d05e6d82fcc5c860129fd41528c8c07d9f96401f6acbabef37c58e370ec3',
    signature: 'aefbcd8520547f94f871f8f7176b793b9dc198fc4da1a32aa51aa10bf1d02c0c',
  },
  {
    title: 'Unicode and reserved characters, an empty value',
    method: 'GET',
    url: '/v3/p1/cas/applications?name=%E5%BA%94%E7%94%A8%20a%2Bb%2Fc%26d%3De~%2A&limit=10&flag=',
    headers: { host: 'ss.example.com' },
    names: 'host;x-sdk-date',
    payload: sha256(''),
    hash: 'a5572e016059eb3a4fb41e09661d2fe0ce722845a380fef1e7d81ac5676ae005',
    signature: '996b2eeb91b8eb2c4332ac945ce0e5ba2fe6f1f08e3bf8e09842315fcc8c4c70',
  },
  {
    title: 'repeated names, upper before lower case, a port in the host',
    method: 'GET',
    url: '/v3/p1/cas/components?tag=b&abc=2&tag=a%20c&Zed=1&tag=a',
    headers: { host: 'ss.example.com:8443' },
    names: 'host;x-sdk-date',
    payload: sha256(''),
    hash: '9c5211dbcf37d18116ea7ff9a1e8cf03164f0fb0e17bab2bdd5ead4f33891ab4',
    signature: '643536012c6a1e4117fbf4142f6f806d7adbf47bb10ef7dc871434f1b88d9ab1',
  },
  {
    title: 'an encoded path, a body in UTF-8',
    method: 'POST',
    url: '/v3/p1/cas/applications/a%20b%E4%B8%AD~/components',
    headers: { host: 'ss.example.com', 'content-type': 'application/json' },
    names: 'content-type;host;x-sdk-date',
    payload: sha256('{"name":"应用","n":1.5}'),
    hash: '22ded56697d6e96cda9f27286efefcfeeac853c4f4d6b447de9b4f8c822caffb',
    signature: '1dd4d5f20cfc44191d1608970c7725c2252d90b12d9a6c92af9dda9547cec2c8',
  },
  {
    title: 'a header that is not ASCII, an unsigned payload, a path that ends in a slash',
    method: 'PUT',
    url: '/v3/p1/cas/files/',
    headers: {
      host: 'ss.example.com',
      'x-custom': bytes('héllo 中文'),
      'x-sdk-content-sha256': 'UNSIGNED-PAYLOAD',
    },
    names: 'host;x-custom;x-sdk-content-sha256;x-sdk-date',
    payload: 'UNSIGNED-PAYLOAD',
    hash: 'a0614a8e25fb29f193648da105e5c286cf7710960162a0e7c1549246fee413e5',
    signature: 'e8b2a8d95e797c05db7fb0eac5297fee213b5d9543c04e38026a703586b832d0',
  },
];

const requestOf = ({
  method,
  url,
  headers,
  names,
  payload,
}: Omit<Vector, 'title' | 'hash' | 'signature'>) => ({
  method,
  url,
  headers: { ...headers, 'x-sdk-date': DATE },
  names: names.split(';'),
  namesText: names,
  payload,
});

const isGood = (request: CanonicalRequest, authorization: string, secret = SK) =>
  isSignedBy(secret, readSignedHeader(authorization), request);

const plain = (names: string, signature: string) =>
  `SDK-HMAC-SHA256 Access=${AK}, SignedHeaders=${names}, Signature=${signature}`;

for (const vector of vectors) {
  test(`the contract's vector holds: ${vector.title}`, () => {
    const request = requestOf(vector);
    const [first = ''] = canonicalForms(request);
    assert.equal(sha256(Buffer.from(first, 'latin1')), vector.hash, first);
    assert.ok(isGood(request, plain(vector.names, vector.signature)));
  });

  test(`any change makes it another request: ${vector.title}`, () => {
    const request = requestOf(vector);
    const authorization = plain(vector.names, vector.signature);
    const others: readonly CanonicalRequest[] = [
      { ...request, method: 'DELETE' },
      { ...request, url: request.url.replace('p1', 'p2').replace(PROJECT, 'p2') },
      { ...request, url: `${request.url}${request.url.includes('?') ? '&' : '?'}more=1` },
      { ...request, payload: sha256('other') },
      { ...request, headers: { ...request.headers, host: 'elsewhere' } },
      { ...request, headers: { ...request.headers, 'x-sdk-date': '20260102T030406Z' } },
    ];
    for (const other of others) assert.equal(isGood(other, authorization), false, JSON.stringify(other));
    assert.equal(isGood(request, authorization, `${SK}x`), false);
  });
}

test("the canonical text is the contract's, byte by byte", () => {
  const [vector] = vectors;
  assert.ok(vector);
  assert.equal(
    canonicalForms(requestOf(vector)).next().value,
    `GET
/v3/${PROJECT}/cas/applications/

host:ss.example.com
x-project-id:${PROJECT}
x-sdk-date:${DATE}
x-security-token:STS-TOKEN-1

host;x-project-id;x-sdk-date;x-security-token
${sha256('')}`,
  );
});

test('the derived form of the first vector holds, for its day, region and service alone', () => {
  const [vector] = vectors;
  assert.ok(vector);
  const derived = (info: string) =>
    `V11-HMAC-SHA256 Credential=${AK}/${info}, SignedHeaders=${vector.names}, ` +
    'Signature=6788ece41222fe872f72166d91603fec80be6952ce9f83736193f37778a2b4f3';
  assert.ok(isGood(requestOf(vector), derived('20260102/region-1/servicestage')));
  for (const info of [
    '20260103/region-1/servicestage',
    '20260102/region-2/servicestage',
    '20260102/region-1/x',
  ])
    assert.equal(isGood(requestOf(vector), derived(info)), false, info);
});

test('the ways in which clients write one address are all taken', () => {
  const names = 'x-sdk-date';
  const request = (url: string) => requestOf({ method: 'GET', url, headers: {}, names, payload: sha256('') });
  const paths = (url: string) =>
    [...canonicalForms(request(url))].map((form) => form.split('\n').slice(1, 3).join('?'));
  assert.deepEqual(paths('/a/b'), ['/a/b/?', '//a/b/?']);
  // Java leaves the values of a repeated name as they come.
  assert.ok(paths('/a?t=b&t=a&t=a%20c').includes('/a/?t=b&t=a&t=a%20c'));
  // Python divides at a slash that was encoded.
  assert.deepEqual(paths('/a%2Fb').slice(0, 2), ['/a%2Fb/?', '/a/b/?']);
  // Node encodes again.
  assert.ok(paths('/a%20b').includes('/a%2520b/?'));
  // Go drops the = of an empty value; Java sends %7E and a bare *; Terraform's + is a blank.
  assert.equal(paths('/a?name&tag=b')[0], '/a/?name=&tag=b');
  assert.equal(paths("/%7E*?q=a+b!'()*")[0], '/~%2A/?q=a%20b%21%27%28%29%2A');
  assert.equal(paths('/a%zz%?x=%')[0], '/a%25zz%25/?x=%25');
});

test('headers of other algorithms are refused by name, and broken ones say what was expected', () => {
  const signature = 'a'.repeat(64);
  for (const algorithm of ['SDK-HMAC-SM3', 'SDK-ECDSA-P256-SHA256', 'SDK-SM2-SM3', 'AWS4-HMAC-SHA256']) {
    assert.throws(
      () => readSignedHeader(`${algorithm} Access=a, SignedHeaders=x-sdk-date, Signature=${signature}`),
      new RegExp(`algorithm "${algorithm}" is not taken; expected SDK-HMAC-SHA256`),
    );
  }
  for (const rest of [
    '',
    'Access=a',
    `Access=, SignedHeaders=x-sdk-date, Signature=${signature}`,
    `Access=a/b, SignedHeaders=x-sdk-date, Signature=${signature}`,
    `SignedHeaders=x-sdk-date, Signature=${signature}`,
    'Access=a, SignedHeaders=x-sdk-date, Signature=abc',
  ]) {
    assert.throws(() => readSignedHeader(`SDK-HMAC-SHA256 ${rest}`), /cannot be read; expected/, rest);
  }
  for (const credential of ['a', 'a/20260102/r', 'a/2026/r/s', 'a/20260102/r/s/t']) {
    assert.throws(
      () =>
        readSignedHeader(
          `V11-HMAC-SHA256 Credential=${credential}, SignedHeaders=x-sdk-date, Signature=${signature}`,
        ),
      /cannot be read; expected "V11-HMAC-SHA256 Credential/,
    );
  }
  assert.throws(
    () => readSignedHeader(`SDK-HMAC-SHA256 Access=a, SignedHeaders=host, Signature=${signature}`),
    /x-sdk-date among them/,
  );
  const tight = readSignedHeader(
    `SDK-HMAC-SHA256 Access=a,SignedHeaders=host;x-sdk-date,Signature=${signature}`,
  );
  assert.deepEqual(tight.names, ['host', 'x-sdk-date']);
});
