import { packSample } from '../src/cli/tour/packages.ts';
import { atMost, notMeasured, type Figure } from './figure.ts';
import { cpuMs, processesNaming, pssMb, sleep } from './machine.ts';
import { BenchPlatform } from './platform.ts';
import { times } from './statistics.ts';

const APPS = 20;
const SETTLE_MS = 10_000;
const WATCH_MS = 30_000;
const MOST_MB = 150;
const MOST_CPU_MS = 10;

/** What the platform's own processes cost while twenty applications run and nobody asks for anything. */
export const idle: Figure = {
  name: 'idle',
  async measure() {
    const what = `idle with ${APPS} apps`;
    if (process.platform !== 'linux')
      return [notMeasured(what, 'memory is read from /proc, which is Linux alone')];
    const platform = await BenchPlatform.start();
    try {
      const url = await platform.upload('1', 'hello.tgz', new Uint8Array(await packSample('1')));
      const component = await platform.addComponent('idle', 'Nodejs8');
      for (let app = 0; app < APPS; app += 1) {
        const wish = { version: '1', url, flavor_id: 'MICRO-5G:0.5C:1G' };
        const { job } = await platform.addInstance(component, `app-${app}`, wish);
        await platform.follow(job);
      }
      await sleep(SETTLE_MS);
      const parts = new Map<string, number>(partsOf(platform.dataDir));
      const before = new Map([...parts].map(([name, pid]) => [name, cpuMs(pid)]));
      const begun = performance.now();
      await sleep(WATCH_MS);
      const seconds = (performance.now() - begun) / 1000;
      const cpu = new Map(
        [...parts].map(([name, pid]) => [name, (cpuMs(pid) - (before.get(name) ?? 0)) / seconds]),
      );
      const memory = new Map([...parts].map(([name, pid]) => [name, pssMb(pid)]));
      return [
        {
          what: `${what}: memory (PSS) of all platform processes`,
          measured: `${sum(memory).toFixed(0)} MB`,
          beside: list(memory),
          ratio: times(sum(memory) / MOST_MB),
          goal: atMost(sum(memory), MOST_MB, ' MB'),
        },
        {
          what: `${what}: CPU of all platform processes`,
          measured: `${sum(cpu).toFixed(1)} ms/s`,
          beside: list(cpu),
          ratio: times(sum(cpu) / MOST_CPU_MS),
          goal: atMost(sum(cpu), MOST_CPU_MS, ' ms/s'),
        },
      ];
    } finally {
      await platform.remove();
    }
  },
};

const sum = (values: ReadonlyMap<string, number>): number => [...values.values()].reduce((a, b) => a + b, 0);
const list = (values: ReadonlyMap<string, number>): string =>
  [...values].map(([name, value]) => `${name} ${value.toFixed(1)}`).join(', ');

/** The platform's own processes name the data directory on their command lines, behind the program that they are. */
function partsOf(dataDir: string): readonly (readonly [string, number])[] {
  const programs = { platform: 'serve', supervisor: 'supervisor/main.ts', ingress: 'proxy/main.ts' };
  return Object.entries(programs).flatMap(([name, program]) =>
    processesNaming(dataDir, program).map((pid) => [name, pid] as const),
  );
}
