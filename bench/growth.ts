import { atMost, type Figure, type Row } from './figure.ts';
import { inTurns, requestBytes } from './http-load.ts';
import { sleep } from './machine.ts';
import { seededPlatform, type Seeded, type Size } from './seeded-platform.ts';
import { ms, quantile, times } from './statistics.ts';

/** Of each kind to each platform; the first ones, which warm up, do not count. */
const REQUESTS = 1_500;
const WARM_UP = 200;
const MOST = 1.5;
const SETTLE_MS = 10_000;

interface Question {
  readonly name: string;
  /** A path below the project's root, another one each time. */
  readonly path: (seeded: Seeded) => string;
  readonly isGoal: boolean;
}

const pick = (list: readonly string[]): string => list[Math.floor(Math.random() * list.length)] ?? '';
const instancesOf = (seeded: Seeded) => `${pick(seeded.components)}/instances`;
const question = (name: string, path: Question['path'], isGoal = true): Question => ({ name, path, isGoal });

const showInstance = question('show an instance', ({ instances }) => pick(instances));
const listInstances = question('list 10 instances', (seeded) => `${instancesOf(seeded)}?limit=10`);

/** What 100,000 instances in 1,000 components cost the one who asks for one of them. */
export const growth: Figure = {
  name: 'growth',
  measure: () =>
    compare({ components: 1, instances: 10 }, { components: 1_000, instances: 100_000 }, [
      showInstance,
      listInstances,
      question(
        'list 10 instances, offset 90',
        (seeded) => `${instancesOf(seeded)}?limit=10&offset=90`,
        false,
      ),
    ]),
};

/** Every show and every list there is, with as many components, and pages that hold as much on both sides. */
export const growthOfAll: Figure = {
  name: 'growth-all',
  measure: () =>
    compare({ components: 10, instances: 100 }, { components: 10_000, instances: 100_000 }, [
      question('show an application', ({ application }) => application),
      question('list 10 applications', () => '/applications?limit=10'),
      question('show a component', ({ components }) => pick(components)),
      question('list 10 components', ({ application }) => `${application}/components?limit=10`),
      question(
        'list 10 components by name',
        ({ application }) => `${application}/components?limit=10&order_by=name`,
      ),
      question(
        'overviews of 10 components',
        ({ application }) => `${application}/components/overviews?limit=10`,
      ),
      showInstance,
      listInstances,
      question('list 10 snapshots', ({ instances }) => `${pick(instances)}/snapshots?limit=10`),
      question('show a job', ({ jobs }) => pick(jobs)),
      question('list 10 environments', () => '/environments?limit=10'),
      question(
        'list 10 components, offset 9,990',
        ({ application }) => `${application}/components?limit=10&offset=9990`,
        false,
      ),
    ]),
};

async function compare(small: Size, large: Size, questions: readonly Question[]): Promise<readonly Row[]> {
  const few = await seededPlatform(small);
  let many: Seeded | undefined;
  try {
    many = await seededPlatform(large);
    // A platform that has just started looks at every instance once.
    await sleep(SETTLE_MS);
    const rows: Row[] = [];
    for (const each of questions) {
      const sides = [few, many].map((seeded) => ({
        port: seeded.platform.httpPort,
        next: () => requestBytes('GET', seeded.platform.at(each.path(seeded)), seeded.platform.headers),
      }));
      await inTurns(sides, WARM_UP);
      const [ofFew = [], ofMany = []] = await inTurns(sides, REQUESTS);
      rows.push(rowOf(each, ofFew, ofMany, large));
    }
    return rows;
  } finally {
    await few.platform.remove();
    await many?.platform.remove();
  }
}

function rowOf(
  { name, isGoal }: Question,
  few: readonly number[],
  many: readonly number[],
  { components, instances }: Size,
): Row {
  const ratio = quantile(many, 0.99) / quantile(few, 0.99);
  const shown = (samples: readonly number[]) =>
    `p99 ${ms(quantile(samples, 0.99))}, p50 ${ms(quantile(samples, 0.5))}`;
  return {
    what: `${name}, of ${instances.toLocaleString('en')} in ${components.toLocaleString('en')}`,
    measured: shown(many),
    beside: `of few ${shown(few)}`,
    ratio: times(ratio),
    ...(isGoal && { goal: atMost(ratio, MOST) }),
  };
}
