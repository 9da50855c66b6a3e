import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { atLeast, type Figure } from './figure.ts';
import { drive, requestBytes, type Report } from './http-load.ts';
import { BenchPlatform, makeDirectory } from './platform.ts';
import { median, ms, perSecond, times } from './statistics.ts';

const ROUNDS = 7;
const ROUND_MS = 2_000;
const CLIENTS = 16;

/** Components created per second, each on the disk before it is answered, over a bare server that does the same insert. */
export const postComponents: Figure = {
  name: 'post',
  async measure() {
    const directory = makeDirectory();
    const bare = await startBareServer(directory);
    const platform = await BenchPlatform.start();
    try {
      const component = await platform.addComponent('bench', 'Nodejs8');
      const path = component.slice(0, component.lastIndexOf('/'));
      const next = bodies();
      const ours: Report[] = [];
      const theirs: Report[] = [];
      for (let round = 0; round <= ROUNDS; round += 1) {
        const load = { clients: CLIENTS, durationMs: ROUND_MS };
        const bareReport = await drive({ ...load, port: bare.port }, () =>
          requestBytes('POST', '/', platform.headers, next()),
        );
        const report = await drive({ ...load, port: platform.httpPort }, () =>
          requestBytes('POST', platform.at(path), platform.headers, next()),
        );
        // The first round warms both up and does not count.
        if (round === 0) continue;
        theirs.push(bareReport);
        ours.push(report);
      }
      const rate = median(ours.map((report) => report.perSecond));
      const bareRate = median(theirs.map((report) => report.perSecond));
      return [
        {
          what: `durable POST components, ${CLIENTS} clients`,
          measured: `${perSecond(rate)}, p99 ${ms(median(ours.map(({ p99Ms }) => p99Ms)))}`,
          beside: `bare server, same insert ${perSecond(bareRate)}, p99 ${ms(median(theirs.map(({ p99Ms }) => p99Ms)))}`,
          ratio: times(rate / bareRate),
          goal: atLeast(rate / bareRate, 0.5),
        },
      ];
    } finally {
      bare.child.kill();
      await platform.remove();
      rmSync(directory, { recursive: true, force: true });
    }
  },
};

function bodies(): () => string {
  let number = 0;
  return () => {
    number += 1;
    return JSON.stringify({ name: `component-${number}`, runtime: 'Nodejs8', category: 'Common' });
  };
}

async function startBareServer(
  directory: string,
): Promise<{ readonly child: ChildProcess; readonly port: number }> {
  const child = fork(fileURLToPath(import.meta.resolve('./bare-insert-child.ts')), [directory], {
    execArgv: ['--disable-warning=ExperimentalWarning'],
  });
  const [port]: unknown[] = await once(child, 'message');
  return { child, port: Number(port) };
}
