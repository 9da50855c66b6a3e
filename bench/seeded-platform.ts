import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { packSample } from '../src/cli/tour/packages.ts';
import { memberOf } from '../src/cli/running-platform.ts';
import { BenchPlatform } from './platform.ts';

export interface Size {
  readonly components: number;
  readonly instances: number;
}

/** Addresses below the project's root, in no order. */
export interface Seeded {
  readonly platform: BenchPlatform;
  readonly application: string;
  readonly components: readonly string[];
  readonly instances: readonly string[];
  readonly jobs: readonly string[];
}

/**
 * A platform that holds so much: one instance is made through the API, deployed and stopped, and its rows are copied.
 * Stopped, because what does not run cannot be shown as running.
 */
export async function seededPlatform(size: Size): Promise<Seeded> {
  const first = await BenchPlatform.start();
  try {
    const url = await first.upload('1', 'hello.tgz', new Uint8Array(await packSample('1')));
    const component = await first.addComponent('component-0', 'Nodejs8');
    const made = await first.addInstance(component, 'instance-0', { version: '1', url });
    await first.follow(made.job);
    const stopped = await first.send('POST', `${made.instance}/action`, { action: 'stop' });
    await first.follow(String(memberOf(stopped, 'job_id')));
    await first.halt();
    copyRows(first.dataDir, size);
    const platform = await BenchPlatform.start(first.dataDir);
    return { platform, ...addressesIn(first.dataDir) };
  } catch (error) {
    await first.remove();
    throw error;
  }
}

/** A UUID of its own for row `i` of a table; spread over the index as random ones are. */
const idOf = (table: number, i = 'i') =>
  `printf('%08x-%04x-4000-8000-%012x', ((${i}) * 2654435761) & 4294967295, ${table}, ${i})`;
const [COMPONENT, INSTANCE, RELEASE, JOB, TASK] = [1, 2, 3, 4, 5].map((table) => idOf(table));

function copyRows(dataDir: string, { components, instances }: Size): void {
  const database = new DatabaseSync(join(dataDir, 'openstage.db'));
  const componentOf = `case i % ${components} when 0 then t.component_id else ${idOf(1, `i % ${components}`)} end`;
  const copy = (table: string, count: number, changes: Readonly<Record<string, string | undefined>>) => {
    const columns = database
      .prepare(`select name from pragma_table_info('${table}')`)
      .all()
      .map(({ name }) => String(name));
    const values = columns.map((column) => changes[column] ?? `t.${column}`);
    database.exec(`insert into ${table} (${columns.join(', ')})
      with recursive n(i) as (select 1 union all select i + 1 from n where i < ${count - 1})
      select ${values.join(', ')} from n, (select * from ${table}) t where i < ${count}`);
  };
  database.exec('pragma foreign_keys = off; pragma synchronous = off; begin');
  copy('components', components, {
    id: COMPONENT,
    name: `'component-' || i`,
    name_key: `'component-' || i`,
    create_time: 't.create_time + i',
  });
  database.exec(`delete from tasks where job_id not in (select last_job_id from instances)`);
  database.exec(`delete from jobs where id not in (select last_job_id from instances)`);
  copy('tasks', instances, { id: `'Task-' || t.position || ${TASK}`, job_id: `'JOB' || ${JOB}` });
  copy('jobs', instances, { id: `'JOB' || ${JOB}`, instance_id: INSTANCE });
  copy('rollouts', instances, { instance_id: INSTANCE, release_id: RELEASE });
  copy('releases', instances, { id: RELEASE, instance_id: INSTANCE });
  copy('instances', instances, {
    id: INSTANCE,
    component_id: componentOf,
    name: `'instance-' || i`,
    host_name: `'instance-' || i || '.default.localhost'`,
    uid: 'null',
    serving_release_id: RELEASE,
    requested_release_id: RELEASE,
    last_job_id: `'JOB' || ${JOB}`,
    create_time: 't.create_time + i',
  });
  database.exec(`update applications set component_count = ${components} where name = 'default'; commit`);
  database.close();
}

function addressesIn(dataDir: string): Omit<Seeded, 'platform'> {
  const database = new DatabaseSync(join(dataDir, 'openstage.db'), { readOnly: true });
  const texts = (sql: string) =>
    database
      .prepare(`${sql} order by random() limit 5000`)
      .all()
      .map((row) => String(row['address']));
  const component = `'/applications/' || application_id || '/components/'`;
  const [application = ''] = texts(
    `select '/applications/' || id as address from applications where name = 'default'`,
  );
  const found = {
    application,
    components: texts(`select ${component} || id as address from components`),
    instances: texts(`select ${component} || component_id || '/instances/' || id as address from instances`),
    jobs: texts(`select '/jobs/' || id as address from jobs`),
  };
  database.close();
  return found;
}
