import assert from 'node:assert/strict';
import { Agent } from 'node:http';
import { test } from 'node:test';
import { anApplication, anIngress, aRoute, ask, target, until } from './stage.ts';

test('at 200 requests per second, kept alive and new, ten switches lose none', async (t) => {
  const ingress = await anIngress(t);
  const { port } = ingress.address();
  const agent = new Agent({ keepAlive: true });
  t.after(() => agent.destroy());
  const start = async (name: string) => {
    const application = await anApplication(t, (request, response) => {
      request.resume();
      request.on('end', () => setTimeout(() => response.end(name), Math.random() * 15));
    });
    return { name, replica: `web-${name}`, ...application };
  };
  let serving = await start('0');
  await ingress.publish([aRoute([target(serving.port, serving.replica)])]);
  const failures: string[] = [];
  const answers = new Map<string, number>();
  const open = new Set<Promise<void>>();
  let sent = 0;
  const load = setInterval(() => {
    const posts = ++sent % 3 === 0;
    const one = ask(port, {
      ...{ path: `/${String(sent)}`, agent: sent % 2 === 0 ? agent : false },
      ...(posts ? { method: 'POST', body: 'x'.repeat(3000) } : {}),
    }).then(
      (answer) => {
        if (answer.status !== 200) failures.push(`${String(answer.status)} ${answer.text}`);
        answers.set(answer.text, (answers.get(answer.text) ?? 0) + 1);
      },
      (error: unknown) => void failures.push(String(error)),
    );
    open.add(one);
    void one.finally(() => open.delete(one));
  }, 5);
  t.after(() => clearInterval(load));
  for (let round = 1; round <= 10; round++) {
    const next = await start(String(round));
    const before = serving;
    await until(`${before.name} has served`, () => (answers.get(before.name) ?? 0) >= 40);
    await ingress.publish([aRoute([target(next.port, next.replica)])]);
    await until(`${before.name} is drained`, async () => !(before.replica in (await ingress.inFlight())));
    // As a process that ends: whatever it still had would be lost.
    before.server.close();
    before.server.closeAllConnections();
    serving = next;
  }
  await until('the last one has served', () => (answers.get(serving.name) ?? 0) >= 40);
  clearInterval(load);
  await Promise.all(open);
  assert.deepEqual(failures, []);
  assert.equal(answers.size, 11);
});
