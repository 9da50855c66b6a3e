import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { aComponent, instanceBody } from './builders.ts';
import { CLUSTER, ENVIRONMENT, openStage, type Answer, type Stage } from './stage.ts';

const ROUNDS = process.env['OPENSTAGE_TEST_ALL'] === '1' ? 40 : 6;
/** Children that are made while their parent is removed: the more, the surer one falls between look and deed. */
const CHILDREN = 4;

const anEnvironment = async (stage: Stage, name: string): Promise<string> => {
  const answer = await stage.post('/environments', {
    name,
    vpc_id: 'vpc',
    base_resources: [{ id: CLUSTER, type: 'cce' }],
    optional_resources: [{ id: `elb-${name}`, type: 'elb' }],
  });
  assert.equal(answer.status, 200, answer.raw);
  return answer.text('id');
};

const anApplication = async (stage: Stage, name: string): Promise<string> =>
  (await stage.post('/applications', { name })).text('id');

interface Race {
  /** Whose removal races with the making of what. */
  readonly title: string;
  readonly prepare: (stage: Stage, round: number) => Promise<Contest>;
}
interface Contest {
  readonly remove: () => Promise<Answer>;
  readonly make: (child: number) => Promise<Answer>;
  /** What is left without a parent; must be none. */
  readonly orphans: () => Promise<readonly object[]>;
}

const liveInstances = (stage: Stage) =>
  stage.store.read
    .selectFrom('instances')
    .select(['instances.id', 'component_id', 'environment_id', 'activity'])
    .where('delete_time', 'is', null);

/** A request for an instance in a new component, and in the environment given. */
const making = async (stage: Stage, round: number, environment: string, changes: object = {}) => {
  const at = await aComponent(stage, `c${round}`);
  return {
    component: at.replace(/\/instances$/, ''),
    make: (child: number) =>
      stage.post(at, { ...instanceBody, environment_id: environment, name: `web${child}`, ...changes }),
  };
};

const races: readonly Race[] = [
  ...[false, true].map((force) => ({
    title: `a component (${force ? 'with' : 'without'} force) and an instance in it`,
    prepare: async (stage: Stage, round: number) => {
      const { component, make } = await making(stage, round, ENVIRONMENT);
      const id = component.split('/').at(-1) ?? '';
      return {
        make,
        remove: () => stage.delete(`${component}${force ? '?force=true' : ''}`),
        orphans: async () => {
          const kept = await stage.store.read
            .selectFrom('components')
            .select('id')
            .where('id', '=', id)
            .where('deleting', '=', 0)
            .execute();
          if (kept.length > 0) return [];
          const left = await liveInstances(stage).where('component_id', '=', id).execute();
          return left.filter(({ activity }) => activity !== 'deleting');
        },
      };
    },
  })),
  {
    title: 'an environment and an instance in it',
    prepare: async (stage, round) => {
      const environment = await anEnvironment(stage, `e${round}`);
      const { make } = await making(stage, round, environment);
      return {
        make,
        remove: () => stage.delete(`/environments/${environment}`),
        orphans: async () => {
          const shown = await stage.get(`/environments/${environment}`);
          if (shown.status === 200) return [];
          return liveInstances(stage).where('environment_id', '=', environment).execute();
        },
      };
    },
  },
  {
    title: 'a resource of an environment and an instance that refers to it',
    prepare: async (stage, round) => {
      const environment = await anEnvironment(stage, `e${round}`);
      const resource = { id: `elb-e${round}`, type: 'elb' };
      const { make } = await making(stage, round, environment, {
        refer_resources: [...instanceBody.refer_resources, resource],
      });
      return {
        make,
        remove: () =>
          stage.request('PATCH', stage.at(`/environments/${environment}/resources`), {
            remove_resources: [resource],
          }),
        orphans: async () => {
          const shown = await stage.get(`/environments/${environment}`);
          if (JSON.stringify(shown.at('optional_resources')).includes(resource.id)) return [];
          return liveInstances(stage).where('environment_id', '=', environment).execute();
        },
      };
    },
  },
  {
    title: 'an application and a component of it',
    prepare: async (stage, round) => {
      const application = await anApplication(stage, `a${round}`);
      const at = `/applications/${application}`;
      return {
        make: (child) =>
          stage.post(`${at}/components`, { name: `c${child}`, runtime: 'Tomcat8', category: 'Common' }),
        remove: () => stage.delete(at),
        orphans: async () => {
          if ((await stage.get(at)).status === 200) return [];
          return stage.store.read
            .selectFrom('components')
            .select('id')
            .where('application_id', '=', application)
            .execute();
        },
      };
    },
  },
  ...(['application', 'environment'] as const).map((parent) => ({
    title: `an ${parent} and the application's configuration in it`,
    prepare: async (stage: Stage, round: number) => {
      const environment = await anEnvironment(stage, `e${round}`);
      const application = await anApplication(stage, `a${round}`);
      return {
        make: (child: number) =>
          stage.put(`/applications/${application}/configuration`, {
            environment_id: environment,
            configuration: { env: [{ name: 'A', value: String(child) }] },
          }),
        remove: () =>
          stage.delete(
            parent === 'application' ? `/applications/${application}` : `/environments/${environment}`,
          ),
        orphans: async () => [],
      };
    },
  })),
];

for (const { title, prepare } of races) {
  test(`at once removed and made: ${title}: nothing is left without a parent`, async (t) => {
    const stage = await openStage(t);
    for (let round = 0; round < ROUNDS; round += 1) {
      const { remove, make, orphans } = await prepare(stage, round);
      const made = Array.from({ length: CHILDREN }, (_, child) => make(child));
      const answers = await Promise.all([...made.slice(0, 2), remove(), ...made.slice(2)]);
      for (const { status, raw } of answers)
        assert.ok([200, 201, 204, 400, 404, 409].includes(status), `round ${round}: ${status} ${raw}`);
      assert.deepEqual(await orphans(), [], `round ${round}: ${answers.map(({ status }) => status).join()}`);
    }
  });
}

async function settledInstance(t: TestContext) {
  const stage = await openStage(t);
  const at = await aComponent(stage);
  const accepted = await stage.post(at, instanceBody);
  const close = async () => {
    // As if the engine had done its work.
    await stage.store.write((tx) =>
      tx
        .updateTable('jobs')
        .set({ state: 'succeeded', end_time: 1 })
        .where('state', '=', 'running')
        .execute(),
    );
    await stage.store.write((tx) => tx.updateTable('instances').set({ activity: null }).execute());
  };
  await close();
  return { stage, at, one: `${at}/${accepted.text('instance_id')}`, close };
}

const twice: Readonly<
  Record<string, (stage: Stage, at: string, one: string, round: number) => Promise<Answer>>
> = {
  create: (stage, at, _, round) => stage.post(at, { ...instanceBody, name: `web-${round}` }),
  change: (stage, _, one, round) => stage.put(one, { version: `2.${round}` }),
  scale: (stage, _, one, round) =>
    stage.post(`${one}/action`, { action: 'scale', parameters: { replica: round + 2 } }),
  stop: (stage, _, one) => stage.post(`${one}/action`, { action: 'stop' }),
  delete: (stage, _, one) => stage.delete(one),
};

for (const [what, ask] of Object.entries(twice)) {
  test(`the same request to ${what} several times at once is one job, and every answer names it`, async (t) => {
    const { stage, at, one, close } = await settledInstance(t);
    for (let round = 0; round < ROUNDS; round += 1) {
      const answers = await Promise.all(Array.from({ length: 4 }, () => ask(stage, at, one, round)));
      assert.deepEqual(
        answers.map(({ status }) => status),
        [200, 200, 200, 200],
        answers.map(({ raw }) => raw).join('\n'),
      );
      assert.equal(new Set(answers.map(({ raw }) => raw)).size, 1);
      if (what !== 'delete') await close();
      else
        await stage.store.write((tx) =>
          tx
            .updateTable('jobs')
            .set({ state: 'succeeded', end_time: 1 })
            .where('state', '=', 'running')
            .execute(),
        );
    }
  });
}
