import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildKey, digest, jobId, projectId } from '../../src/domain/ids.ts';
import { deleteUnnamedArtifact, recordArtifact } from '../../src/store/artifacts.ts';
import { findBuiltSource } from '../../src/store/built-sources.ts';
import { findJobLog, findLastLines, writeJobLog } from '../../src/store/job-logs.ts';
import { forgetJobs } from '../../src/store/jobs.ts';
import { findRelease, insertRelease, updateRelease } from '../../src/store/releases.ts';
import { databases } from './databases.ts';
import { aNewRelease, aProject, storeInstance } from './records.ts';

const commit = 'c'.repeat(40);
const kept = digest('d'.repeat(64));
const sourceKey = buildKey('e'.repeat(64));

for (const { name, create } of databases()) {
  test(`${name}: what code was built into is found again in its project, as long as its bytes are kept`, async (t) => {
    const store = await (await create(t)).open();
    const release = await store.write(async (tx) => {
      const made = aNewRelease(await storeInstance(tx));
      await insertRelease(tx, made);
      await updateRelease(tx, made.id, { digest: kept, fileName: 'cart.jar', commit, sourceKey });
      return made.id;
    });
    assert.equal((await findRelease(store.read, release))?.commit, commit);
    assert.equal(await findBuiltSource(store.read, aProject, sourceKey), undefined);
    await store.write((tx) => recordArtifact(tx, { digest: kept, size: 7, time: 1_000 }));
    assert.deepEqual(await findBuiltSource(store.read, aProject, sourceKey), {
      digest: kept,
      size: 7,
      fileName: 'cart.jar',
    });
    assert.equal(await findBuiltSource(store.read, projectId('another'), sourceKey), undefined);
    assert.equal(await findBuiltSource(store.read, aProject, 'another'), undefined);
    await store.write((tx) => tx.deleteFrom('artifacts').where('digest', '=', kept).execute());
    assert.equal(await findBuiltSource(store.read, aProject, sourceKey), undefined);
    assert.equal(await store.write((tx) => deleteUnnamedArtifact(tx, kept, 2_000)), false);
  });

  test(`${name}: the log of a job is replaced by its next attempt's, and goes with its job`, async (t) => {
    const store = await (await create(t)).open();
    const job = jobId('JOB1');
    await store.write(async (tx) => {
      const instance = await storeInstance(tx);
      await tx
        .insertInto('jobs')
        .values({
          id: job,
          project_id: aProject,
          instance_id: instance.id,
          kind: 'change-instance',
          internal: 0,
          plan_json: '{}',
          state: 'failed',
          phase: 'forward',
          problem_json: null,
          request_hash: null,
          created_by: 'ann',
          create_time: 1,
          update_time: 1,
          end_time: 1,
          lease_owner: null,
          lease_epoch: 0,
          lease_beat: 0,
          forward_used_ms: 0,
          undo_used_ms: 0,
        })
        .execute();
    });
    const write = (content: string) =>
      store.write((tx) =>
        writeJobLog(tx, { job, project: aProject, content, lastLines: content.trim().split('\n'), time: 2 }),
      );
    assert.equal(await findJobLog(store.read, job), undefined);
    await write('first\n');
    await write('one ü\ntwo\n');
    assert.deepEqual(await findJobLog(store.read, job), { project: aProject, content: 'one ü\ntwo\n' });
    assert.deepEqual(await findLastLines(store.read, job), ['one ü', 'two']);
    await store.write((tx) => forgetJobs(tx, [job]));
    assert.equal(await findLastLines(store.read, job), undefined);
  });
}
