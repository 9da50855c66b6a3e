import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from 'pg';
import { findServer, startCluster, type Cluster, type ClusterSettings } from '../store/postgres-cluster.ts';

/** A server of one test's own, which bad things are done to. Undefined, and said by name, where there is none here. */
export async function openServer(special?: ClusterSettings): Promise<DatabaseServer | undefined> {
  const bin = findServer();
  if (bin !== undefined) return new DatabaseServer(await startCluster(bin, special));
  const lack = 'PostgreSQL is missing here (Debian: apt-get install postgresql)';
  if (process.env['OPENSTAGE_TEST_ALL'] === '1') throw new Error(`${lack}; nothing may be left out.`);
  console.log(`${lack}, so this test is left out.`);
  return undefined;
}

export class DatabaseServer {
  readonly cluster: Cluster;
  readonly url: string;

  constructor(cluster: Cluster) {
    this.cluster = cluster;
    this.url = cluster.url('postgres');
  }

  /** By a connection of its own, which no platform knows. */
  async ask<R extends object>(statement: string, values: readonly unknown[] = []): Promise<readonly R[]> {
    return withClient(this.url, async (client) => (await client.query<R>(statement, [...values])).rows);
  }

  /** Ends every connection of platforms; answers how many there were. */
  async cut(): Promise<number> {
    const ended = await this.ask(
      "select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'openstage%'",
    );
    return ended.length;
  }

  /** How many sessions hold the place of the one platform. */
  async holders(): Promise<number> {
    const [row] = await this.ask<{ count: number }>(
      `select count(*)::int as count from pg_locks join pg_stat_activity using (pid)
       where locktype = 'advisory' and application_name = 'openstage place' and granted`,
    );
    return row?.count ?? 0;
  }

  /** Of a database and a role without any privilege but to have it, as an operator would make them. */
  async own(role: string, password = ''): Promise<string> {
    await this.ask(`create role ${role} login${password === '' ? '' : ` password '${password}'`}`);
    await this.ask(`create database ${role} owner ${role}`);
    return this.cluster.url(role).replace('user=postgres', `user=${role}`);
  }

  /** Who may come in, as lines of pg_hba.conf; the superuser always may. */
  async admit(lines: string): Promise<void> {
    writeFileSync(join(this.#dir, 'data', 'pg_hba.conf'), `local all postgres trust\n${lines}\n`);
    await this.ask('select pg_reload_conf()');
  }

  /** All its processes stand still, as on a machine that swaps or whose disk hangs; they go on at the call of what is returned. */
  freeze(): () => void {
    const [first = ''] = readFileSync(join(this.#dir, 'data', 'postmaster.pid'), 'utf8').split('\n');
    const children = readFileSync(`/proc/${first}/task/${first}/children`, 'utf8').trim().split(' ');
    const pids = [first, ...children].map(Number);
    for (const pid of pids) process.kill(pid, 'SIGSTOP');
    return () => pids.forEach((pid) => process.kill(pid, 'SIGCONT'));
  }

  get #dir(): string {
    return new URL(this.url).searchParams.get('host') ?? '';
  }

  async restart(mode: 'fast' | 'immediate'): Promise<void> {
    await this.cluster.halt(mode);
    await this.cluster.resume();
  }
}

export async function withClient<T>(url: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url });
  // The server may end under it.
  client.on('error', () => {});
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end().catch(() => {});
  }
}

const CROWD_MOST_MS = 20_000;

/** Takes every connection that is not kept for the superuser; they are given back at the call of what is returned. */
export async function crowd(server: DatabaseServer): Promise<() => Promise<unknown>> {
  await server.ask('create role crowd login').catch(() => {});
  const url = server.url.replace('user=postgres', 'user=crowd');
  const taken: Client[] = [];
  await server.cut();
  for (const end = performance.now() + CROWD_MOST_MS; performance.now() < end;) {
    const client = new Client({ connectionString: url });
    client.on('error', () => {});
    try {
      await client.connect();
      taken.push(client);
    } catch {
      // Full; what a platform has got back meanwhile is taken from it again.
      if ((await server.cut()) === 0) break;
    }
  }
  return () => Promise.all(taken.map((client) => client.end()));
}
