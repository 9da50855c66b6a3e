import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { unseal } from '../../src/domain/envelope.ts';
import { ENVIRONMENT } from '../api/stage.ts';
import { RunningStage } from './running-stage.ts';

test('values of variables stand nowhere on the disk, in no plan and in no answer about a job, and reach the driver', async (t) => {
  const running = await RunningStage.open(t);
  const { stage, driver } = running;
  const [own, shared] = ['of-the-instance-5f1c', 'of-the-application-8d2e'];
  const application = (await running.at()).split('/').slice(0, 3).join('/');
  const set = await stage.put(`${application}/configuration`, {
    environment_id: ENVIRONMENT,
    configuration: { env: [{ name: 'SHARED', value: shared }] },
  });
  assert.equal(set.status, 200, set.raw);
  const one = await running.deployed({ configuration: { env: [{ name: 'OWN', value: own }] } });
  const job = await stage.get(`/jobs/${(await stage.get(one)).text('status_detail', 'last_job_id')}`);
  for (const value of [own, shared]) {
    assert.ok(!job.raw.includes(value));
    assert.deepEqual(
      filesOf(stage.dataDir).filter((file) => readFileSync(file).includes(value)),
      [],
    );
  }
  const given = driver.asked.at(-1)?.env.map(({ name, value }) => [name, unseal(stage.services.key, value)]);
  const theirs = given?.filter(([name]) => !name?.startsWith('CAS_'));
  assert.deepEqual(Object.fromEntries(theirs ?? []), { OWN: own, SHARED: shared });
});

const filesOf = (dir: string): readonly string[] =>
  readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
