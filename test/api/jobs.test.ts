import assert from 'node:assert/strict';
import { test } from 'node:test';
import { jobId } from '../../src/domain/ids.ts';
import { aComponent, anInstance } from './builders.ts';
import { endJob } from './end-job.ts';
import { openStage } from './stage.ts';

test('a job shows all its tasks from the first answer on; the last one speaks for it', async (t) => {
  const stage = await openStage(t);
  const { instance, job } = await anInstance(stage, await aComponent(stage));
  const shown = await stage.get(`/jobs/${job}`);
  assert.deepEqual(shown.at('job'), {
    JOB_ID: job,
    JOB_NAME: 'provision/provMain',
    JOB_TYPE: 'PROVISION',
    JOB_DESC: 'provision/provMain',
    SERVICE_INSTANCE_ID: instance,
    PROJECT_ID: stage.project,
    ORDER_ID: '',
    EXECUTION_STATUS: 'RUNNING',
    CREATED_BY: shown.at('job', 'CREATED_BY'),
  });
  const statuses = shown.each('tasks', 'TASK_STATUS');
  assert.equal(shown.at('task_count'), statuses.length);
  assert.ok(statuses.length > 1 && statuses.length <= 20);
  assert.deepEqual(new Set(statuses.slice(0, -1)), new Set(['SUBMITTED']));
  assert.equal(statuses.at(-1), 'RUNNING');
  assert.deepEqual(
    shown.each('tasks', 'TASK_INDEX'),
    statuses.map((_, index) => index + 1),
  );
  assert.equal(shown.at('tasks', 0, 'TASK_NAME'), 'CHECK_TARGET');
  assert.equal(shown.at('tasks', 0, 'MESSAGES'), '{}');
  assert.match(shown.text('tasks', 0, 'TASK_ID'), /^Task-[0-9a-f-]{36}$/);
});

test('tasks are paged by limit and offset, past the end an empty list', async (t) => {
  const stage = await openStage(t);
  const { job } = await anInstance(stage, await aComponent(stage));
  const all = (await stage.get(`/jobs/${job}?limit=50`)).each('tasks', 'TASK_ID');
  const page = await stage.get(`/jobs/${job}?limit=2&offset=1`);
  assert.deepEqual(page.each('tasks', 'TASK_ID'), all.slice(1, 3));
  assert.equal(page.at('task_count'), all.length);
  assert.deepEqual((await stage.get(`/jobs/${job}?limit=50&offset=50`)).at('tasks'), []);
  assert.deepEqual((await stage.get(`/jobs/${job}?desc=true`)).each('tasks', 'TASK_ID'), all.toReversed());
  assert.deepEqual((await stage.get(`/jobs/${job}?limit=x&offset=-1`)).each('tasks', 'TASK_ID'), all);
});

test('a failed job says why in its last task', async (t) => {
  const stage = await openStage(t);
  const { job } = await anInstance(stage, await aComponent(stage));
  await stage.store.write((tx) => endJob(tx, jobId(job), 'failed', 'Java is not installed.'));
  const shown = await stage.get(`/jobs/${job}?desc=true&limit=1`);
  assert.equal(shown.at('job', 'EXECUTION_STATUS'), 'FAILED');
  assert.equal(shown.at('tasks', 0, 'TASK_STATUS'), 'FAILED');
  assert.deepEqual(JSON.parse(shown.text('tasks', 0, 'MESSAGES')), {
    message: 'Java is not installed.',
    failed_task: 'check-target',
    exit: null,
    log: [],
  });
});

test('progress is shown while a task runs, not after it succeeded', async (t) => {
  const stage = await openStage(t);
  const { job } = await anInstance(stage, await aComponent(stage));
  const set = (state: string) =>
    stage.store.write((tx) =>
      tx
        .updateTable('tasks')
        .set({ state, messages: '0 of 1 ready' })
        .where('job_id', '=', job)
        .where('position', '=', 0)
        .execute(),
    );
  await set('running');
  assert.equal((await stage.get(`/jobs/${job}`)).at('tasks', 0, 'MESSAGES'), '0 of 1 ready');
  await set('succeeded');
  assert.equal((await stage.get(`/jobs/${job}`)).at('tasks', 0, 'MESSAGES'), '{}');
});

test('a job of another instance, an unknown one and an empty id are told apart by code', async (t) => {
  const stage = await openStage(t);
  const { instance, job } = await anInstance(stage, await aComponent(stage));
  assert.equal((await stage.get(`/jobs/${job}?instance_id=${instance}`)).status, 200);
  assert.equal((await stage.get(`/jobs/${job}?instance_id=other`)).problem, '404 SVCSTG.00100429');
  assert.equal((await stage.get('/jobs/JOBnone')).problem, '404 SVCSTG.00100429');
  assert.equal((await stage.get('/jobs/')).problem, '400 SVCSTG.00100414');
});
