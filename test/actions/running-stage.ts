import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { TestContext } from 'node:test';
import type { Admission } from '../../src/actions/admission.ts';
import { kinds } from '../../src/actions/kinds.ts';
import { ArtifactStore } from '../../src/artifacts/artifact-store.ts';
import { BuildStore } from '../../src/builds/build-store.ts';
import { Steps } from '../../src/builds/steps.ts';
import { SourceBuilds } from '../../src/builds/source-builds.ts';
import { systemClock, type Clock } from '../../src/jobs/clock.ts';
import { createEngine, type Engine } from '../../src/jobs/engine.ts';
import { createLocator } from '../../src/runtimes/locate.ts';
import { LookClock } from '../../src/domain/look.ts';
import type { Settings } from '../../src/settings.ts';
import type { Limits } from '../../src/tasks/parts.ts';
import { RoutePublisher } from '../../src/tasks/publish-routes.ts';
import { Collector } from '../../src/reconcile/collector.ts';
import { Reconciler } from '../../src/reconcile/reconciler.ts';
import { ENVIRONMENT, openStage, type Answer, type Stage } from '../api/stage.ts';
import type { Tap } from '../../src/store/faults.ts';
import { zip } from '../builders/zip.ts';
import { until } from '../jobs/until.ts';
import { RememberingIngress, ScriptedDriver } from './scripted-target.ts';

const quiet = { info: () => {}, warn: () => {}, error: () => {} };
const limits: Limits = {
  readinessTimeoutMs: 20_000,
  stopGraceMs: 1_000,
  drainTimeoutMs: 1_000,
  maxPackageBytes: 1024 ** 2,
  keepReleases: 20,
};

interface Artifacts {
  readonly web: { readonly storage: string; readonly type: string; readonly url: string };
}

/** How a job ended. */
export interface Outcome {
  readonly status: string;
  readonly message: string;
  readonly tasks: Readonly<Record<string, string>>;
  readonly last: unknown;
}

/** The whole platform in one process but for what runs applications and what carries requests to them. */
export class RunningStage {
  readonly stage: Stage;
  readonly driver = new ScriptedDriver();
  readonly ingress = new RememberingIngress();
  readonly looks = new LookClock(0);
  readonly artifacts: ArtifactStore;
  readonly builds: BuildStore;
  readonly collector: Collector;
  readonly reconciler: Reconciler;
  engine: Engine;
  readonly #makeEngine: () => Engine;
  readonly #clock: { skippedMs: number };
  readonly time: Clock;
  #at: string | undefined;

  private constructor(
    stage: Stage,
    clock: { skippedMs: number },
    { keepReleases = limits.keepReleases }: Partial<Pick<Settings, 'keepReleases'>>,
  ) {
    const { store, dataDir, services } = stage;
    const { key, now, newNonce, grants } = services;
    this.stage = stage;
    this.#clock = clock;
    this.time = {
      ...systemClock,
      now: () => Date.now() + clock.skippedMs,
      monotonic: () => performance.now() + clock.skippedMs,
    };
    this.artifacts = new ArtifactStore(dataDir);
    this.builds = new BuildStore(dataDir);
    const routes = new RoutePublisher(store, this.ingress);
    routes.markObserved();
    this.#makeEngine = () =>
      createEngine({
        store,
        clock: systemClock,
        node: 'here',
        run: randomUUID(),
        kinds,
        parts: {
          store,
          git: { store, key, now, newNonce, reach: { allow: [] }, hosts: {} },
          driver: () => this.driver,
          looks: this.looks,
          ingress: this.ingress,
          routes,
          artifacts: this.artifacts,
          builds: this.builds,
          steps: new Steps({ dataDir }),
          stepLimits: {},
          sources: new SourceBuilds({
            limits: { timeMs: 1_000, memoryBytes: 1, diskBytes: 1, freeBytes: 1 },
            slots: 1,
          }),
          fetchAllow: [],
          grants,
          locator: createLocator({
            overrides: { OPENSTAGE_JAVA: '/nowhere/java' },
            path: '',
            dataDir,
            areAppsOtherUsers: false,
          }),
          buildVariables: {},
          now,
          limits: { ...limits, keepReleases },
        },
        log: quiet,
        limits: { patienceMs: 300 },
      });
    this.engine = this.#makeEngine();
    this.reconciler = new Reconciler({
      services,
      driver: this.driver,
      looks: this.looks,
      routes,
      clock: this.time,
      log: quiet,
    });
    this.collector = new Collector({
      store,
      artifacts: this.artifacts,
      builds: this.builds,
      clock: this.time,
      now,
      keepHistoryMs: 30 * 24 * 3_600_000,
      log: quiet,
    });
  }

  static async open(
    t: TestContext,
    { tap, ...settings }: Partial<Pick<Settings, 'keepReleases'>> & { readonly tap?: Tap } = {},
    admission?: Admission,
  ): Promise<RunningStage> {
    const clock = { skippedMs: 0 };
    const parts: { running?: RunningStage } = {};
    // Ends before the store that it works on is closed.
    t.after(() => parts.running?.engine.stop());
    const stage = await openStage(t, {
      now: () => Date.now() + clock.skippedMs,
      ...(admission && { admission }),
      ...(tap && { tap }),
      wake: () => parts.running?.engine.wake(),
      runtimes: async () => [
        { typeName: 'Custom', displayName: 'Custom', containerDefaultPort: 8080, typeDesc: 'start.sh' },
      ],
    });
    const running = new RunningStage(stage, clock, settings);
    parts.running = running;
    running.engine.start();
    return running;
  }

  /** The next run of an engine that was stopped. */
  restart(): void {
    this.engine = this.#makeEngine();
    this.engine.start();
  }

  /** A full look and all that it leads to; whoever was looked at just now has its turn again. */
  async look(): Promise<void> {
    this.skip(100);
    await this.reconciler.lookAtAll();
  }

  /** From now on it is later. */
  skip(ms: number): void {
    this.#clock.skippedMs += ms;
  }

  /** The address of the instances of a component that is made once. */
  async at(): Promise<string> {
    return (this.#at ??= await this.#component());
  }

  async #component(): Promise<string> {
    const application = (await this.stage.post('/applications', { name: 'shop' })).text('id');
    const component = await this.stage.post(`/applications/${application}/components`, {
      name: 'cart',
      runtime: 'Custom',
      category: 'Common',
    });
    return `/applications/${application}/components/${component.text('id')}/instances`;
  }

  /** A package of its own for each version, unless its content is told; answers what an instance names. */
  async upload(version: string, content = version): Promise<Artifacts> {
    const payload = zip([
      { path: 'start.sh', content: Buffer.from(`#!/bin/sh\n# ${content}\n`), mode: 0o755 },
    ]);
    const url = this.packageUrl(version);
    const answer = await this.stage.send({
      method: 'PUT',
      url,
      headers: { 'x-auth-token': this.stage.token, 'content-type': 'application/octet-stream' },
      payload,
    });
    assert.equal(answer.status, 200, answer.raw);
    return { web: { storage: 'swr', type: 'package', url: `http://127.0.0.1:7080${url}` } };
  }

  packageUrl = (version: string): string =>
    `/v1/${this.stage.project}/packages/web/${version}/web-${version}.zip`;

  async create(changes: object = {}): Promise<Answer> {
    const accepted = await this.stage.post(await this.at(), {
      name: 'web',
      environment_id: ENVIRONMENT,
      flavor_id: 'MICRO-5G:0.5C:1G',
      replica: 1,
      version: '1',
      artifacts: await this.upload('1'),
      refer_resources: [],
      ...changes,
    });
    assert.equal(accepted.status, 200, accepted.raw);
    return accepted;
  }

  /** A new instance whose job has succeeded; answers its address. */
  async deployed(changes: object = {}): Promise<string> {
    const accepted = await this.create(changes);
    assert.equal((await this.ended(accepted)).status, 'SUCCEEDED');
    return `${await this.at()}/${accepted.text('instance_id')}`;
  }

  async change(one: string, version: string, changes: object = {}): Promise<Outcome> {
    const artifacts = await this.upload(version);
    return this.ended(await this.stage.put(one, { version, artifacts, ...changes }));
  }

  async act(one: string, action: string, parameters?: object): Promise<Outcome> {
    return this.ended(await this.asked(one, action, parameters));
  }

  asked(one: string, action: string, parameters?: object): Promise<Answer> {
    return this.stage.post(`${one}/action`, { action, ...(parameters && { parameters }) });
  }

  async ended(accepted: Answer): Promise<Outcome> {
    const path = `/jobs/${accepted.text('job_id')}`;
    const job = await until('the job to end', async () => {
      const answer = await this.stage.get(path);
      return answer.at('job', 'EXECUTION_STATUS') === 'RUNNING' ? undefined : answer;
    });
    const names = job.each('tasks', 'TASK_NAME').map(String);
    const states = job.each('tasks', 'TASK_STATUS').map(String);
    const last: unknown = JSON.parse(job.text('tasks', names.length - 1, 'MESSAGES'));
    return {
      status: job.text('job', 'EXECUTION_STATUS'),
      message: String(Object(last).message),
      tasks: Object.fromEntries(names.map((name, at) => [name, states[at] ?? ''])),
      last,
    };
  }

  async status(one: string): Promise<unknown> {
    return (await this.stage.get(one)).at('status_detail', 'status');
  }
}
