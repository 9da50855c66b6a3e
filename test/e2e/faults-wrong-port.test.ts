import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { packageFor } from '../builders/packages.ts';
import { FaultStage, freePort } from './faults-stage.ts';

test('an application that listens on another port fails at the deadline, with the ports in a sentence', async (t) => {
  const stage = await FaultStage.start(t, { more: ['--readiness-timeout', '6s'] });
  const port = await freePort();
  const bytes = await readFile(await packageFor('Nodejs8', { variant: 'elsewhere' }));
  const artifacts = await stage.deployer.upload('elsewhere/1/elsewhere.zip', bytes);
  const { outcome } = await stage.deployer.deploy({
    name: 'elsewhere',
    runtime: 'Nodejs8',
    artifacts,
    more: { configuration: { env: [{ name: 'APP_PORT', value: String(port) }] } },
  });
  assert.equal(outcome.status, 'FAILED');
  assert.match(outcome.message, new RegExp(`listens on ${port}, not on PORT \\(\\d+\\)`));
});
