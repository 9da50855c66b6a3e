import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { packSample } from '../src/cli/tour/packages.ts';
import { answering, freePort } from './bare-app.ts';
import { notMeasured, type Figure, type Row } from './figure.ts';
import { drive, requestBytes, type Report } from './http-load.ts';
import { findCommand } from './machine.ts';
import { BenchPlatform, makeDirectory } from './platform.ts';
import { median, ms, perSecond, times } from './statistics.ts';

const ROUNDS = 7;
const ROUND_MS = 2_000;
const CLIENTS = 32;
const HOST = 'busy.default.localhost';

/** The way to an application through the ingress, beside the way without it and the way through nginx. */
export const ingress: Figure = {
  name: 'ingress',
  async measure() {
    const platform = await BenchPlatform.start();
    const directory = makeDirectory();
    let nginx: Nginx | undefined;
    try {
      const content = new Uint8Array(await packSample('1'));
      const url = await platform.upload('1', 'hello.tgz', content);
      const component = await platform.addComponent('busy', 'Nodejs8');
      const { job } = await platform.addInstance(component, 'busy', { version: '1', url });
      await platform.follow(job);
      const app = portOfReplica(platform.dataDir);
      nginx = await startNginx(directory, app);

      const ways = new Map<string, number>([
        ['direct', app],
        ['ingress', platform.ingressPort],
        ...(nginx ? ([['nginx', nginx.port]] as const) : []),
      ]);
      const reports = new Map<string, Report[]>([...ways].map(([way]) => [way, []]));
      const request = requestBytes('GET', '/', { Host: HOST });
      for (let round = 0; round <= ROUNDS; round += 1) {
        for (const [way, port] of ways) {
          const report = await drive({ port, clients: CLIENTS, durationMs: ROUND_MS }, () => request);
          if (round > 0) reports.get(way)?.push(report);
        }
      }
      const ours = summary(reports.get('ingress') ?? []);
      const row = (name: string, way: string): Row => {
        const theirs = summary(reports.get(way) ?? []);
        return {
          what: `ingress over ${name}, ${CLIENTS} clients`,
          measured: `${perSecond(ours.rate)}, p99 ${ms(ours.p99Ms)}`,
          beside: `${name} ${perSecond(theirs.rate)}, p99 ${ms(theirs.p99Ms)}`,
          ratio: `${times(ours.rate / theirs.rate)}, p99 ${times(ours.p99Ms / theirs.p99Ms)}`,
        };
      };
      return [
        row('the app reached directly', 'direct'),
        nginx ? row('nginx', 'nginx') : notMeasured('ingress over nginx', 'nginx is not installed'),
      ];
    } finally {
      await nginx?.stop();
      await platform.remove();
      rmSync(directory, { recursive: true, force: true });
    }
  },
};

const summary = (reports: readonly Report[]) => ({
  rate: median(reports.map((report) => report.perSecond)),
  p99Ms: median(reports.map(({ p99Ms }) => p99Ms)),
});

/** Nobody needs to know it but the ingress, so the API does not show it. */
function portOfReplica(dataDir: string): number {
  const database = new DatabaseSync(join(dataDir, 'openstage.db'), { readOnly: true });
  const row = database.prepare('select address_port from replicas').get();
  database.close();
  return Number(row?.['address_port']);
}

interface Nginx {
  readonly port: number;
  stop(): Promise<void>;
}

/** One worker, as the ingress is one process; connections to the application are kept, and nothing is logged. */
async function startNginx(directory: string, app: number): Promise<Nginx | undefined> {
  const command = findCommand('nginx');
  if (command === undefined) return undefined;
  const port = await freePort();
  const file = join(directory, 'nginx.conf');
  mkdirSync(join(directory, 'tmp'));
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  writeFileSync(
    file,
    `daemon off; worker_processes 1; pid ${directory}/nginx.pid; error_log ${directory}/error.log;
events { worker_connections 1024; }
http {
  access_log off;
  ${paths.map((name) => `${name}_temp_path ${directory}/tmp/${name};`).join(' ')}
  keepalive_requests 1000000;
  upstream app { server 127.0.0.1:${app}; keepalive 64; keepalive_requests 1000000; }
  server {
    listen 127.0.0.1:${port};
    location / { proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host; }
  }
}
`,
  );
  const child = spawn(command, ['-c', file, '-p', directory, '-e', join(directory, 'error.log')], {
    stdio: 'ignore',
  });
  await answering(port);
  return {
    port,
    async stop() {
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await ended;
    },
  };
}
