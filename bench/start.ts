import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { packSample } from '../src/cli/tour/packages.ts';
import { missingTools, packageFor } from '../test/builders/packages.ts';
import { startBare } from './bare-app.ts';
import { atMost, notMeasured, type Figure, type Row } from './figure.ts';
import { artifactsOf, BenchPlatform, makeDirectory } from './platform.ts';
import { Pm2 } from './pm2.ts';
import { median, more, ms, times } from './statistics.ts';

const ROUNDS = 15;
const hello = fileURLToPath(new URL('../examples/hello', import.meta.url));

interface Subject {
  readonly runtime: string;
  readonly file: string;
  /** Two packages that answer differently: what they answer, and their bytes. */
  readonly versions: readonly Version[];
  /** The same program without a platform. */
  readonly bare: { readonly argv: readonly string[]; readonly cwd: string };
  readonly pm2?: Pm2;
}

interface Version {
  readonly label: string;
  readonly content: Uint8Array<ArrayBuffer>;
  readonly says: string;
}

interface Samples {
  readonly bare: number[];
  readonly created: number[];
  readonly rolledBack: number[];
  readonly pm2: number[];
}

/** From the platform's answer that accepts it until the instance is RUNNING, and until a rollback has switched the traffic. */
export const startNode: Figure = {
  name: 'start-node',
  async measure() {
    const directory = makeDirectory();
    const cwd = join(directory, 'hello');
    cpSync(hello, cwd, { recursive: true });
    writeFileSync(join(cwd, 'VERSION'), '1\n');
    const pm2 = Pm2.fetch(join(directory, 'pm2'));
    try {
      const samples = await rounds({
        runtime: 'Nodejs8',
        file: 'hello.tgz',
        versions: await Promise.all(
          ['1', '2'].map(async (label) => ({
            label,
            content: new Uint8Array(await packSample(label)),
            says: `Hello from ${label}`,
          })),
        ),
        bare: { argv: [process.execPath, 'server.js'], cwd },
        ...(pm2 && { pm2 }),
      });
      const bare = median(samples.bare);
      return [
        ...rows('a Node app', samples, (value) => atMost(value - bare, 25, ' ms more')),
        pm2
          ? row('a Node app: pm2 start until it answers', samples.pm2, bare)
          : notMeasured('a Node app: pm2 start until it answers', 'pm2 cannot be fetched by npm here'),
      ];
    } finally {
      pm2?.stop();
      rmSync(directory, { recursive: true, force: true });
    }
  },
};

export const startJava: Figure = {
  name: 'start-java',
  async measure() {
    const missing = missingTools('Java8');
    if (missing.length > 0) return [notMeasured('a Java app', `${missing.join(', ')} is not installed`)];
    const paths = await Promise.all(['1', '2'].map((version) => packageFor('Java8', { version })));
    const [first = ''] = paths;
    const samples = await rounds({
      runtime: 'Java8',
      file: 'sample.jar',
      versions: paths.map((path, index) => ({
        label: String(index + 1),
        content: new Uint8Array(readFileSync(path)),
        says: `"version":"${index + 1}"`,
      })),
      bare: { argv: ['java', '-jar', first], cwd: join(first, '..') },
    });
    const bare = median(samples.bare);
    return rows('a Java app', samples, (value) => atMost(value / bare, 1.15));
  },
};

function rows(subject: string, samples: Samples, goal: (value: number) => Row['goal']): readonly Row[] {
  const bare = median(samples.bare);
  return [
    row(`${subject}: accepted until RUNNING`, samples.created, bare, goal),
    row(`${subject}: rollback until the traffic is switched`, samples.rolledBack, bare, goal),
  ];
}

function row(
  what: string,
  samples: readonly number[],
  bare: number,
  goalOf: (value: number) => Row['goal'] = () => undefined,
): Row {
  const value = median(samples);
  const goal = goalOf(value);
  return {
    what,
    measured: ms(value),
    beside: `bare start ${ms(bare)}`,
    ratio: `${more(value - bare)}, ${times(value / bare)}`,
    ...(goal && { goal }),
  };
}

/** One after the other in every round, so that what else the machine does hits all of them alike. */
async function rounds({ runtime, file, versions, bare, pm2 }: Subject): Promise<Samples> {
  const samples: Samples = { bare: [], created: [], rolledBack: [], pm2: [] };
  const platform = await BenchPlatform.start();
  try {
    const [first, second] = versions;
    if (!first || !second) throw new Error('A rollback needs two versions.');
    const urls = new Map<Version, string>();
    for (const version of [first, second])
      urls.set(version, await platform.upload(version.label, file, version.content));
    const urlOf = (version: Version) => urls.get(version) ?? '';
    const component = await platform.addComponent('bench', runtime);
    for (let round = 0; round <= ROUNDS; round += 1) {
      // The first round warms caches on all sides and does not count.
      const keep = (list: number[], value: number) => void (round > 0 && list.push(value));
      const started = await startBare(bare.argv, bare.cwd);
      await started.stop();
      keep(samples.bare, started.startMs);

      const name = `round-${round}`;
      const { instance, job } = await platform.addInstance(component, name, {
        version: first.label,
        url: urlOf(first),
      });
      const accepted = performance.now();
      await platform.running(instance);
      keep(samples.created, performance.now() - accepted);
      await platform.follow(job);

      const host = `${name}.default.localhost`;
      const upgrade = { version: second.label, artifacts: artifactsOf(urlOf(second)) };
      await platform.follow(jobIn(await platform.send('PUT', instance, upgrade)));
      await platform.answering(host, second.says);
      const rollback = { action: 'rollback', parameters: { version: first.label } };
      const back = jobIn(await platform.send('POST', `${instance}/action`, rollback));
      const asked = performance.now();
      await platform.answering(host, first.says);
      keep(samples.rolledBack, performance.now() - asked);
      await platform.follow(back);
      await platform.follow(jobIn(await platform.send('DELETE', instance)));

      if (pm2) keep(samples.pm2, await pm2.start(join(bare.cwd, 'server.js')));
    }
    return samples;
  } finally {
    await platform.remove();
  }
}

const jobIn = (answer: unknown): string =>
  typeof answer === 'object' && answer !== null && 'job_id' in answer ? String(answer.job_id) : '';
