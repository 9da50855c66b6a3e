import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { hostId, instanceId, jobId } from '../../src/domain/ids.ts';
import { upsertHost } from '../../src/store/hosts.ts';
import { findInstance } from '../../src/store/instances.ts';
import { findJob } from '../../src/store/jobs.ts';
import { aComponent, instanceBody } from './builders.ts';
import { endJob, served } from './end-job.ts';
import { HOST, openStage, type Stage } from './stage.ts';

const onHosts = (id: string, parameters?: object) => ({
  ...instanceBody,
  refer_resources: [{ id, type: 'ecs', ...(parameters && { parameters }) }],
});

async function placed(stage: Stage, at: string, body: object) {
  const answer = await stage.post(at, { ...body, name: `web-${randomUUID()}` });
  assert.equal(answer.status, 200, answer.raw);
  const instance = await findInstance(stage.store.read, instanceId(answer.text('instance_id')));
  return { target: instance?.target, hosts: instance?.hosts };
}

test('Default stands for the hosts of the environment and is resolved, not stored', async (t) => {
  const stage = await openStage(t);
  const all = await placed(stage, await aComponent(stage, 'shop-a'), onHosts('Default'));
  assert.deepEqual(all, { target: { type: 'ecs', id: HOST }, hosts: undefined });
  const picked = await placed(
    stage,
    await aComponent(stage, 'shop-b'),
    onHosts('Default', { hosts: [HOST, HOST] }),
  );
  assert.deepEqual(picked, { target: { type: 'ecs', id: HOST }, hosts: [HOST] });
  const named = await placed(stage, await aComponent(stage, 'shop-c'), onHosts(HOST));
  assert.deepEqual(named, { target: { type: 'ecs', id: HOST }, hosts: [HOST] });
  const asText = await placed(
    stage,
    await aComponent(stage, 'shop-d'),
    onHosts('Default', { hosts: ` ${HOST} ` }),
  );
  assert.deepEqual(asText.hosts, [HOST]);
});

test('hosts that the environment does not have are refused by name, and so is an empty list', async (t) => {
  const stage = await openStage(t);
  await stage.store.write((tx) => upsertHost(tx, { id: hostId('host-2'), name: 'elsewhere', createTime: 2 }));
  const at = await aComponent(stage);
  for (const [hosts, sentence] of [
    [['vm-1'], /hosts names "vm-1", which is no host there; expected host-1, or Default/],
    [['host-2'], /hosts names "host-2", which is no host there/],
    [[], /hosts is empty; expected host-1/],
  ] as const) {
    const answer = await stage.post(at, onHosts('Default', { hosts }));
    assert.equal(answer.problem, '400 SVCSTG.00100400');
    assert.match(answer.text('error_msg'), sentence);
  }
});

test('an instance is scaled by hosts, by count or by both, held to the hosts of its environment', async (t) => {
  const stage = await openStage(t);
  const at = await aComponent(stage);
  const created = await stage.post(at, instanceBody);
  await served(stage, created);
  const action = `${at}/${created.text('instance_id')}/action`;
  const unknown = await stage.post(action, { action: 'scale', parameters: { hosts: ['vm-1'] } });
  assert.equal(unknown.problem, '400 SVCSTG.00100400');
  assert.match(unknown.text('error_msg'), /hosts names "vm-1".*expected host-1/);
  for (const [parameters, planned] of [
    [{ hosts: [HOST] }, { replicas: 1, hosts: [HOST] }],
    [
      { hosts: [HOST], replica: 3 },
      { replicas: 3, hosts: [HOST] },
    ],
    [{ hosts: ['Default'] }, { replicas: 1, hosts: [HOST] }],
  ] as const) {
    const accepted = await stage.post(action, { action: 'scale', parameters });
    assert.equal(accepted.status, 200, accepted.raw);
    const id = jobId(accepted.text('job_id'));
    const job = await findJob(stage.store.read, id);
    assert.deepEqual({ replicas: job?.plan.replicas, hosts: job?.plan.hosts }, planned);
    await stage.store.write((tx) => endJob(tx, id, 'succeeded'));
  }
});
