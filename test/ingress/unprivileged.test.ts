import assert from 'node:assert/strict';
import { chmodSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { openIngress, type Ingress } from '../../src/ingress/ingress.ts';
import { has, isRoot } from '../drivers/process/machine.ts';
import {
  aDataDir,
  anApplication,
  anIngress,
  aRoute,
  ask,
  control,
  ingressOptions,
  status,
  target,
  until,
} from './stage.ts';

const USER = 71_010;

test('a proxy that root starts is a user without rights when the first stranger speaks, and stays at work', async (t) => {
  if (!has(t, process.platform === 'linux' && isRoot(), 'only root on Linux may become somebody else'))
    return;
  const dataDir = aDataDir(t);
  chmodSync(dataDir, 0o711);
  // The version before ran as root and left its files.
  const before = await anIngress(t, dataDir);
  const application = await anApplication(t, (_, response) => response.end('here'));
  await before.publish([aRoute([target(application.port)])]);
  await before.shutdown();
  const ingress = await openIngress(ingressOptions(dataDir, { user: USER }));
  // Before the data directory goes, by which it is found.
  try {
    await becomesAUser(t, dataDir, ingress);
  } finally {
    await ingress.shutdown();
  }
});

async function becomesAUser(t: TestContext, dataDir: string, ingress: Ingress): Promise<void> {
  const { port } = ingress.address();
  assert.equal((await ask(port)).text, 'here', 'what root wrote is read');
  const { pid } = await (await control(t, dataDir)).status();
  const seen = readFileSync(`/proc/${String(pid)}/status`, 'utf8');
  assert.match(seen, new RegExp(`^Uid:(\\t${String(USER)}){4}$`, 'm'));
  assert.match(seen, new RegExp(`^Gid:(\\t${String(USER)}){4}$`, 'm'));
  assert.match(seen, /^Groups:\s*$/m);
  assert.match(seen, /^CapPrm:\s0+$/m);
  assert.match(seen, /^CapEff:\s0+$/m);
  assert.match(seen, /^NoNewPrivs:\s1$/m);
  await ingress.publish([aRoute([])]);
  assert.equal((await ask(port)).status, 503);
  assert.equal(statSync(join(dataDir, 'proxy', 'routes.json')).uid, USER);
  assert.equal(statSync(join(dataDir, 'proxy')).mode & 0o777, 0o700);
  for (const own of ['run', 'logs']) assert.equal(statSync(join(dataDir, own)).uid, 0);
  process.kill(pid, 'SIGKILL');
  await until('it is back', async () => (await status(ingress)) === 503);
}
