import assert from 'node:assert/strict';
import { request } from 'node:http';
import { test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { Client } from '../../src/cli/running-platform.ts';
import { zip } from '../builders/zip.ts';
import { aPlatform, mayAttack } from './stage.ts';

const GUESSES = process.env['OPENSTAGE_TEST_ALL'] === '1' ? 5_000 : 300;
const CONNECTIONS = 150;
const HOST = 'guesser.default.localhost';

/** Guesses the administrator's password over loopback, by many addresses of it, and tells how it was answered. */
const guesser = (api: URL) => `
const http = require('node:http');
const answers = {};
let sent = 0;
async function guess() {
  while (sent < ${GUESSES}) {
    const n = sent++;
    const user = { name: 'admin', domain: { name: 'openstage' }, password: 'guess-' + n };
    const body = JSON.stringify({ auth: { identity: { methods: ['password'], password: { user } } } });
    await new Promise((resolve) => {
      const asked = http.request(
        { host: '${api.hostname}', port: ${api.port}, method: 'POST', path: '/v3/auth/tokens',
          localAddress: '127.0.' + (n % 200) + '.' + (1 + (n % 250)),
          headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) } },
        (answer) => {
          answers[answer.statusCode] = (answers[answer.statusCode] || 0) + 1;
          answer.resume().on('end', resolve).on('error', resolve);
        },
      );
      asked.on('error', (error) => { answers[error.code] = (answers[error.code] || 0) + 1; resolve(); });
      asked.end(body);
    });
  }
}
http.createServer((_, response) => response.end(JSON.stringify(answers)))
  .listen(process.env.PORT, '127.0.0.1', () => {
    for (let n = 0; n < ${CONNECTIONS}; n += 1) void guess();
  });
`;

function answersOf(ingress: string): Promise<Readonly<Record<string, number>>> {
  return new Promise((resolve, reject) => {
    const asked = request(ingress, { headers: { host: HOST } }, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => (text += chunk.toString()));
      response.on('end', () => resolve(JSON.parse(text)));
    });
    asked.on('error', reject).end();
  });
}

const sum = (answers: Readonly<Record<string, number>>): number =>
  Object.values(answers).reduce((total, count) => total + count, 0);

test('an application that guesses thousands of passwords over loopback keeps neither the administrator out nor the API', async (t) => {
  if (!mayAttack(t)) return;
  const { deployer } = await aPlatform(t);
  const { platform, client, cas } = deployer;
  const artifacts = await deployer.upload(
    'guesser/1/guesser.zip',
    zip([
      {
        path: 'package.json',
        content: Buffer.from('{"name":"guesser","scripts":{"start":"node server.js"}}'),
      },
      { path: 'server.js', content: Buffer.from(guesser(new URL(platform.httpUrl))) },
    ]),
  );
  const { outcome } = await deployer.deploy({ name: 'guesser', runtime: 'Nodejs8', artifacts });
  assert.equal(outcome.status, 'SUCCEEDED', outcome.message);

  const seen = () => answersOf(platform.ingressUrl);
  const took: { readonly signIn: number[]; readonly call: number[] } = { signIn: [], call: [] };
  const timed = async <T>(into: number[], work: () => Promise<T>): Promise<T> => {
    const from = performance.now();
    const done = await work();
    into.push(performance.now() - from);
    return done;
  };
  let duringAttack = 0;
  let answers = await seen();
  for (; sum(answers) < GUESSES; answers = await seen()) {
    const guessing = (answers['429'] ?? 0) > 0;
    // Throws where it gets no token.
    await timed(took.signIn, () => Client.signIn(platform));
    for (let n = 0; n < 5; n += 1) {
      const { status } = await timed(took.call, () => client.request('GET', `${cas}/applications`));
      assert.equal(status, 200);
    }
    if (guessing) duringAttack += 1;
    await wait(200);
  }
  t.diagnostic(`guesses were answered ${JSON.stringify(answers)}; ${duringAttack} sign-ins meanwhile`);
  for (const [what, times] of Object.entries(took)) t.diagnostic(`${what}: ${quantiles(times)}`);
  // The attack ran, was slowed down, and found nothing.
  assert.ok((answers['429'] ?? 0) > GUESSES / 2, JSON.stringify(answers));
  assert.equal(answers['201'], undefined);
  assert.ok(duringAttack >= 10, `only ${duringAttack} sign-ins while it guessed`);
  // Its neighbours, who guess too, are not mistaken for it: this very process has a wrong one free.
  const wrong = await signInBy(platform.httpUrl, 'wrong');
  assert.equal(wrong, 401);
});

async function signInBy(url: string, password: string): Promise<number> {
  const user = { name: 'admin', domain: { name: 'openstage' }, password };
  const { status } = await fetch(`${url}/v3/auth/tokens`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ auth: { identity: { methods: ['password'], password: { user } } } }),
  });
  return status;
}

function quantiles(times: readonly number[]): string {
  const sorted = times.toSorted((left, right) => left - right);
  const at = (part: number) => `${(sorted[Math.floor((sorted.length - 1) * part)] ?? 0).toFixed(1)} ms`;
  return `p50 ${at(0.5)}, p99 ${at(0.99)}, most ${at(1)}`;
}
