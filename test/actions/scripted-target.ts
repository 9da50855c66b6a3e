import { Problem } from '../../src/domain/errors.ts';
import type { InstanceId } from '../../src/domain/ids.ts';
import { replicaName, type Observed, type ReplicaId, type Rollout } from '../../src/domain/rollout.ts';
import type { Route } from '../../src/domain/routes.ts';
import type { Driver, LogLine } from '../../src/drivers/driver.ts';
import type { Ingress } from '../../src/ingress/ingress.ts';

const NOT_YET = {
  ready: false,
  code: 'listensElsewhere',
  saw: 'listens on 8080, not on PORT (20017)',
} as const;

/** A target without processes: replicas are ready at once, or exit again and again. */
export class ScriptedDriver implements Driver {
  readonly name = 'process';
  isReachable = true;
  /** What is started from now on exits at once. */
  isBroken = false;
  /** What is started after the first rollout gets ready once this is false again. */
  isSlow = false;
  /** What an attempt to start replicas meets. */
  startFault: Error | undefined;
  /** How often replicas were asked for in vain. */
  failedStarts = 0;
  /** What a look at this instance alone meets, beside what it is. */
  readonly lookFaults = new Map<InstanceId, Error>();
  looks = 0;
  /** Rollouts up to this one are well all the same. */
  sparedRollout = 0;
  /** Called by each look once it has seen what runs, and by a retirement once its replicas have been asked to end. */
  afterLook = async (): Promise<void> => {};
  beforeEnd = async (): Promise<void> => {};
  /** Where replicas that are started from now on listen. */
  portOf = ({ rollout, ordinal }: ReplicaId): number => 20_000 + rollout * 100 + ordinal;
  /** By the name of the replica. */
  readonly replicas = new Map<string, Observed>();
  /** Every rollout that replicas were asked for of, in order. */
  readonly asked: Rollout[] = [];

  async check(): Promise<readonly Problem[]> {
    this.#reach();
    return [];
  }

  async checkVolumes(): Promise<readonly Problem[]> {
    return [];
  }

  async ensure(rollout: Rollout, count: number): Promise<void> {
    this.#reach();
    if (this.startFault) {
      this.failedStarts += 1;
      throw this.startFault;
    }
    this.asked.push(rollout);
    for (let ordinal = 0; ordinal < count; ordinal += 1) {
      const id = { instance: rollout.instance, rollout: rollout.number, ordinal };
      if (!this.replicas.has(replicaName(id))) this.replicas.set(replicaName(id), this.#replica(rollout, id));
    }
  }

  async retire(instance: InstanceId, rollout: number, keep: number): Promise<void> {
    this.#reach();
    await this.beforeEnd();
    for (const [name, replica] of this.replicas) {
      if (replica.instance === instance && replica.rollout === rollout && replica.ordinal >= keep)
        this.replicas.delete(name);
    }
  }

  async observe(instance?: InstanceId): Promise<readonly Observed[]> {
    this.#reach();
    const fault = instance !== undefined && this.lookFaults.get(instance);
    this.looks += 1;
    if (fault) throw fault;
    const seen = [...this.replicas.values()]
      .filter((replica) => instance === undefined || replica.instance === instance)
      .map((replica) => (this.isSlow && replica.rollout > 1 ? { ...replica, readiness: NOT_YET } : replica));
    await this.afterLook();
    return seen;
  }

  async *logs(): AsyncIterable<LogLine> {
    yield { text: 'cannot find its configuration' };
  }

  async *watch(): AsyncIterable<InstanceId> {}

  #replica(rollout: Rollout, id: ReplicaId): Observed {
    const { hosts } = rollout.placement;
    const host = hosts[id.ordinal % hosts.length];
    if (host === undefined) throw new Error('The rollout names no host.');
    const isBroken = this.isBroken && id.rollout > this.sparedRollout;
    return {
      ...id,
      host,
      address: { host: '127.0.0.1', port: this.portOf(id) },
      state: isBroken ? 'backoff' : 'running',
      restarts: isBroken ? 3 : 0,
      ...(isBroken && { lastExit: { code: 7, at: 1 } }),
      readiness: isBroken
        ? { ready: false, code: 'notListening', saw: 'nothing' }
        : { ready: true, code: 'ready', saw: 'its port' },
      ...(isBroken && { hopeless: 'it exited with code 7' }),
      enforced: [],
      runtimeVersion: 'Custom',
    };
  }

  #reach(): void {
    if (!this.isReachable) {
      const sentence = 'The supervisor cannot be reached.';
      throw new Problem('targetUnavailable', sentence, {}, { isPassing: true });
    }
  }
}

/** An ingress that only remembers what it was told. */
export class RememberingIngress implements Ingress {
  routes: readonly Route[] = [];
  isReachable = true;
  async publish(routes: readonly Route[]): Promise<void> {
    if (!this.isReachable) throw new Error('The proxy cannot be reached.');
    this.routes = routes;
  }
  async inFlight() {
    return {};
  }
  address() {
    return { host: '127.0.0.1', port: 7081 };
  }
  async whyNoPrefixes(): Promise<undefined> {}
  close(): void {}
  async shutdown(): Promise<void> {}
}
