import assert from 'node:assert/strict';
import type { Answer, Stage } from './stage.ts';

export interface Row {
  readonly method?: 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly body?: unknown;
  /** Text that is sent as it is, in place of a body. */
  readonly bytes?: string | Buffer;
  readonly type?: string;
  readonly problem: string;
  readonly says: RegExp;
}

export const INVALID = '400 SVCSTG.00100400';
export const MALFORMED = '400 APIG.0201';

export function send(stage: Stage, row: Row): Promise<Answer> {
  return stage.send({
    method: row.method ?? 'POST',
    url: stage.at(row.path),
    headers: { 'x-auth-token': stage.token, 'content-type': row.type ?? 'application/json' },
    payload: row.bytes ?? JSON.stringify(row.body),
  });
}

/** Everything that a request could have changed. */
async function everything(stage: Stage): Promise<unknown> {
  const rows: unknown[] = [];
  for (const table of [
    'applications',
    'components',
    'environments',
    'environment_resources',
    'instances',
    'releases',
    'jobs',
    'tasks',
    'application_configurations',
  ] as const) {
    rows.push(await stage.store.read.selectFrom(table).selectAll().execute());
  }
  return rows;
}

/** Each row is refused as it says, and none of them changes anything. */
export async function refuseAll(stage: Stage, rows: readonly Row[]): Promise<void> {
  const before = await everything(stage);
  for (const row of rows) {
    const answer = await send(stage, row);
    const title = `${row.method ?? 'POST'} ${row.path} ${String(row.bytes ?? JSON.stringify(row.body)).slice(0, 200)}: ${answer.raw}`;
    assert.equal(answer.problem, row.problem, title);
    assert.match(answer.text('error_msg'), row.says, title);
    assert.ok(!answer.raw.includes('node:') && !answer.raw.includes('.ts:'), title);
    assert.ok(answer.raw.length < 1000, title);
  }
  assert.deepEqual(await everything(stage), before);
}
