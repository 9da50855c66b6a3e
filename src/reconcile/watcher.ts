import { setImmediate } from 'node:timers/promises';
import type { Services } from '../actions/caller.ts';
import { repairInstance } from '../actions/repair-instance.ts';
import type { InstanceId } from '../domain/ids.ts';
import type { Look, LookClock } from '../domain/look.ts';
import type { Observed } from '../domain/rollout.ts';
import type { Driver } from '../drivers/driver.ts';
import { findInstanceEvenDeleted, type Instance } from '../store/instances.ts';
import { listAllInstances, listInhabitedInstances } from '../store/instance-lists.ts';
import { markUnobservable } from '../store/observations.ts';
import { listReplicasOf } from '../store/replicas.ts';
import { listUnretiredRolloutsOf } from '../store/rollouts.ts';
import { look, recordObserved } from '../tasks/observe-instance.ts';
import type { RoutePublisher } from '../tasks/publish-routes.ts';
import { deviates } from './deviation.ts';

export interface WatchLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

export interface WatchSettings {
  readonly services: Services;
  readonly driver: Driver;
  readonly looks: LookClock;
  readonly routes: RoutePublisher;
  readonly log: WatchLog;
}

/** A hint may be lost; then this look finds what it told. */
const LOOK_EVERY_MS = 2_000;
const PAGE = 200;

/**
 * Brings what was observed into the store, tells the ingress when it matters, and opens repairs where what runs
 * deviates from what should. It changes nothing on a target by itself.
 */
export class Watcher {
  readonly #settings: WatchSettings;
  readonly #stop = new AbortController();
  #looking: Promise<void> = Promise.resolve();
  #isUnreachable = false;
  /** Until every instance has been compared with what runs, also those that should have nothing there. */
  #isAllDue = true;

  constructor(settings: WatchSettings) {
    this.#settings = settings;
  }

  start(): void {
    void this.#lookAgainAndAgain();
    // A look at one instance publishes routes, which waits for the first look at all.
    void this.#settings.routes.whenObserved.then(() => this.#follow());
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#looking;
  }

  async #follow(): Promise<void> {
    const { driver, log } = this.#settings;
    while (!this.#stop.signal.aborted) {
      try {
        for await (const instance of driver.watch(this.#stop.signal))
          await this.#inTurn(() => this.#lookAt(instance));
      } catch (error) {
        if (!this.#stop.signal.aborted)
          log.warn({ error }, 'hints of the driver are lost for now; looking goes on');
      }
      await pause(LOOK_EVERY_MS, this.#stop.signal);
    }
  }

  async #lookAgainAndAgain(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      await this.#inTurn(() => this.lookAtAll());
      await pause(LOOK_EVERY_MS, this.#stop.signal);
    }
  }

  /** One look after the other, so that an older one never overwrites a newer. */
  #inTurn(look: () => Promise<void>): Promise<void> {
    this.#looking = this.#looking.then(async () => {
      if (this.#stop.signal.aborted) return;
      try {
        await look();
      } catch (error) {
        this.#settings.log.warn({ error }, 'a look at what runs did not work; it is repeated');
      }
    });
    return this.#looking;
  }

  async lookAtAll(): Promise<void> {
    const { services } = this.#settings;
    const all = await this.#observeAll();
    if (!all) return;
    const bySeen = Map.groupBy(all.seen, ({ instance }) => instance);
    let isChanged = false;
    // What has nothing running and should have nothing changes by a request or is seen: it is not looked at in every turn.
    const list = this.#isAllDue ? listAllInstances : listInhabitedInstances;
    for await (const instances of this.#pages(list)) {
      isChanged = (await this.#takeAll(instances, bySeen, all)) || isChanged;
      for (const { id } of instances) bySeen.delete(id);
    }
    this.#isAllDue = false;
    for (const [id, left] of bySeen) {
      const instance = await findInstanceEvenDeleted(services.store.read, id);
      if (instance?.deleteTime !== undefined)
        await this.#repairIfNeeded(instance, left, await this.#unretired([instance]));
      else if (instance) isChanged = (await this.#takeAll([instance], bySeen, all)) || isChanged;
      else
        this.#settings.log.warn(
          { instance: id },
          'replicas run here of an instance that the store does not know; they are left alone',
        );
    }
    if (this.#settings.routes.markObserved() || isChanged) await this.#settings.routes.publish();
  }

  async #observeAll(): Promise<Look | undefined> {
    const { services, driver, looks } = this.#settings;
    const begun = looks.moment();
    try {
      const seen = await driver.observe();
      this.#isUnreachable = false;
      return { begun, ended: looks.moment(), seen };
    } catch (error) {
      if (!this.#isUnreachable)
        this.#settings.log.warn({ error, driver: driver.name }, 'the driver cannot be reached');
      this.#isUnreachable = true;
      this.#isAllDue = true;
      // Routes stay as they are, since applications outlive those who watch them.
      const moments = { begun, ended: looks.moment() };
      await services.store.write((tx) => markUnobservable(tx, driver.name, moments));
      return undefined;
    }
  }

  /** Requests have their turn between two pages. */
  async *#pages(list: typeof listAllInstances): AsyncGenerator<readonly Instance[]> {
    const { read } = this.#settings.services.store;
    for (let page = await list(read, PAGE); page.length > 0; page = await list(read, PAGE, page.at(-1)?.id)) {
      yield page;
      await setImmediate();
    }
  }

  async #lookAt(id: InstanceId): Promise<void> {
    const { services, driver, routes, looks } = this.#settings;
    const instance = await findInstanceEvenDeleted(services.store.read, id);
    if (!instance || instance.deleteTime !== undefined) return;
    const seen = await look(looks, () => driver.observe(id));
    if (await this.#takeAll([instance], new Map([[id, seen.seen]]), seen)) await routes.publish();
  }

  /** True where what the ingress should know has changed. */
  async #takeAll(
    instances: readonly Instance[],
    bySeen: ReadonlyMap<InstanceId, readonly Observed[]>,
    moments: Pick<Look, 'begun' | 'ended'>,
  ): Promise<boolean> {
    const { store, now } = this.#settings.services;
    const known = await listReplicasOf(
      store.read,
      instances.map(({ id }) => id),
    );
    const unretired = await this.#unretired(instances);
    let isChanged = false;
    for (const instance of instances) {
      const seen = bySeen.get(instance.id) ?? [];
      if (!isSame(known.get(instance.id) ?? [], seen) || !instance.health.observable) {
        const look = { ...moments, seen };
        isChanged = (await store.write((tx) => recordObserved(tx, instance.id, look, now()))) || isChanged;
      }
      await this.#repairIfNeeded(instance, seen, unretired);
    }
    return isChanged;
  }

  #unretired(instances: readonly Instance[]): Promise<ReadonlyMap<InstanceId, readonly number[]>> {
    return listUnretiredRolloutsOf(
      this.#settings.services.store.read,
      instances.map(({ id }) => id),
    );
  }

  async #repairIfNeeded(
    instance: Instance,
    seen: readonly Observed[],
    unretired: ReadonlyMap<InstanceId, readonly number[]>,
  ): Promise<void> {
    if (instance.activity !== undefined) return;
    const { services, log } = this.#settings;
    const deviation = deviates(instance, seen, unretired.get(instance.id) ?? []);
    if (deviation === undefined) return;
    if (await repairInstance(services, instance))
      log.info({ instance: instance.id, deviation }, 'a repair begins');
  }
}

function isSame(known: readonly Observed[], seen: readonly Observed[]): boolean {
  const sorted = seen.toSorted((one, other) => one.rollout - other.rollout || one.ordinal - other.ordinal);
  return JSON.stringify(known) === JSON.stringify(sorted);
}

function pause(ms: number, stop: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    function done() {
      clearTimeout(timer);
      stop.removeEventListener('abort', done);
      resolve();
    }
    stop.addEventListener('abort', done);
  });
}
