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
