import { setImmediate } from 'node:timers/promises';
import type { Services } from '../actions/caller.ts';
import type { InstanceId } from '../domain/ids.ts';
import type { Look, LookClock } from '../domain/look.ts';
import type { Observed } from '../domain/rollout.ts';
import type { Driver } from '../drivers/driver.ts';
import { OVER, type Clock } from '../jobs/clock.ts';
import { markUnobservable } from '../store/observations.ts';
import { listUnretiredRolloutsOf } from '../store/rollouts.ts';
import { findWatched, listSeenTexts, listWatched, textOf, type Watched } from '../store/watched.ts';
import { look } from '../tasks/observe-instance.ts';
import type { RoutePublisher } from '../tasks/publish-routes.ts';
import { isTold } from './back-off.ts';
import { deviates } from './deviation.ts';
import { Loop, type ReconcileLog } from './loop.ts';
import { KeyQueue } from './queue.ts';
import { reconcileInstance } from './reconcile-instance.ts';
import { Repairs } from './repairs.ts';

export interface ReconcilerSettings {
  readonly services: Services;
  readonly driver: Driver;
  readonly looks: LookClock;
  readonly routes: RoutePublisher;
  readonly clock: Clock;
  readonly log: ReconcileLog;
}

/** Hints may be lost; this look finds what they told. */
const LOOK_EVERY_MS = 2_000;
const PAGE = 200;
/** Instances that are looked at at the same time: one whose look hangs keeps the others not waiting. */
const PARALLEL = 4;
/** Beside instances: what the store says is to be told to the ingress. */
const ROUTES = 'routes';

/**
 * Keeps what is stored and what runs on one driver the same. Sources (hints of the driver, a full look every two
 * seconds, jobs that ended, the start) put instances into a queue; each is then observed, stored, routed and repaired
 * for itself. It changes nothing on a target by itself.
 */
export class Reconciler {
  readonly #settings: ReconcilerSettings;
  readonly #queue = new KeyQueue<InstanceId | typeof ROUTES>();
  readonly #repairs = new Repairs();
  readonly #fullLooks: Loop;
  readonly #stop = new AbortController();
  #pause = new AbortController();
  #lives: readonly Promise<void>[] = [];
  #isUnreachable = false;
  /** Until every instance has been compared with what runs, also those that should have nothing there. */
  #isAllDue = true;
  /** Those that the first full look found other than they are stored, until each has been looked at once. */
  readonly #firstDue = new Set<InstanceId>();
  #isCompared = false;
  /** No port of the platform's last life is told to the ingress any more. */
  #isObserved = false;
  /** Instances that the store does not know, and that were told of. */
  #strange: ReadonlySet<InstanceId> = new Set();

  constructor(settings: ReconcilerSettings) {
    this.#settings = settings;
    const { clock, log } = settings;
    this.#fullLooks = new Loop({
      name: 'observing all instances',
      everyMs: LOOK_EVERY_MS,
      clock,
      log,
      run: () => this.#lookAtAll(),
    });
  }

  start(): void {
    this.#fullLooks.start();
    this.#lives = [this.#follow(), ...Array.from({ length: PARALLEL }, () => this.#work())];
  }

  async stop(): Promise<void> {
    this.#stop.abort(OVER);
    this.#pause.abort(OVER);
    await Promise.all([this.#fullLooks.stop(), ...this.#lives]);
  }

  /** Something may have changed: a hint, or a job that ended. Any number of calls make one look. */
  add(instance: InstanceId): void {
    this.#add(instance);
  }

  /** A full look and all that is due after it. */
  async lookAtAll(): Promise<void> {
    await this.#lookAtAll();
    await this.#workOff();
  }

  #add(key: InstanceId | typeof ROUTES): void {
    this.#queue.add(key, this.#settings.clock.monotonic());
    this.#pause.abort(OVER);
  }

  async #follow(): Promise<void> {
    const { driver, log, clock } = this.#settings;
    let failures = 0;
    while (!this.#stop.signal.aborted) {
      try {
        for await (const instance of driver.watch(this.#stop.signal)) {
          failures = 0;
          this.add(instance);
        }
      } catch (error) {
        failures += 1;
        if (!this.#stop.signal.aborted && isTold(failures))
          log.warn({ error, failures }, 'lost the hints of the driver; full looks go on');
      }
      await clock.sleep(LOOK_EVERY_MS, this.#stop.signal);
    }
  }

  async #work(): Promise<void> {
    const { clock } = this.#settings;
    while (!this.#stop.signal.aborted) {
      await this.#workOff();
      if (this.#pause.signal.aborted) this.#pause = new AbortController();
      const nextAt = this.#queue.nextAt();
      const waitMs = nextAt === undefined ? LOOK_EVERY_MS : nextAt - clock.monotonic();
      if (waitMs > 0 && !this.#stop.signal.aborted) await clock.sleep(waitMs, this.#pause.signal);
    }
  }

  async #workOff(): Promise<void> {
    const { clock, log } = this.#settings;
    for (;;) {
      const key = this.#stop.signal.aborted ? undefined : this.#queue.take(clock.monotonic());
      if (key === undefined) return;
      try {
        await (key === ROUTES ? this.#settings.routes.publish() : this.#reconcile(key));
        this.#queue.done(key, clock.monotonic());
      } catch (error) {
        const failures = this.#queue.failed(key, clock.monotonic());
        if (isTold(failures)) log.warn({ error, failures, key }, 'reconciliation failed; will retry');
      }
      if (key !== ROUTES) this.#firstDue.delete(key);
      this.#beginRoutes();
    }
  }

  async #reconcile(id: InstanceId): Promise<void> {
    const { services, driver, looks, clock, log } = this.#settings;
    const { hasChanged, isOutdated, deviation, repair } = await reconcileInstance(
      { services, driver, looks },
      id,
      (deviates) => {
        if (deviates) this.#repairs.deviates(id);
        return this.#repairs.isDue(id, clock.monotonic());
      },
    );
    if (hasChanged && this.#isObserved) this.#add(ROUTES);
    if (isOutdated) this.#add(id);
    if (repair === 'opened') {
      this.#repairs.began(id, clock.monotonic());
      log.info({ instance: id, deviation }, 'a repair begins');
    } else if (repair === 'busy') this.#repairs.goesOn(id, clock.monotonic());
  }

  /** Finds who is to be reconciled; what is as it should be costs no more than being compared. */
  async #lookAtAll(): Promise<void> {
    const all = await this.#observeAll();
    if (!all) return;
    const bySeen = Map.groupBy(all.seen, ({ instance }) => instance);
    for await (const instances of this.#pages()) {
      await this.#compare(instances, bySeen);
      for (const { id } of instances) bySeen.delete(id);
    }
    this.#isAllDue = false;
    this.#strange = new Set([...this.#strange].filter((id) => bySeen.has(id)));
    for (const id of bySeen.keys()) await this.#addUnlisted(id);
    this.#isCompared = true;
    this.#beginRoutes();
  }

  /** Once what differs from the last life of the platform has been looked at; one that cannot be keeps no other waiting. */
  #beginRoutes(): void {
    if (this.#isObserved || !this.#isCompared || this.#firstDue.size > 0) return;
    this.#isObserved = true;
    this.#settings.routes.markObserved();
    this.#add(ROUTES);
  }

  async #observeAll(): Promise<Look | undefined> {
    const { services, driver, looks, log } = this.#settings;
    const begun = looks.moment();
    try {
      const all = await look(looks, () => driver.observe());
      this.#isUnreachable = false;
      return all;
    } catch (error) {
      if (!this.#isUnreachable) log.warn({ error, driver: driver.name }, 'the driver cannot be reached');
      this.#isUnreachable = true;
      this.#isAllDue = true;
      // Routes stay as they are, since applications outlive those who watch them.
      const moments = { begun, ended: looks.moment() };
      await services.store.write((tx) => markUnobservable(tx, driver.name, moments));
      return undefined;
    }
  }

  /** Requests have their turn between two pages. */
  async *#pages(): AsyncGenerator<readonly Watched[]> {
    const { read } = this.#settings.services.store;
    const which = { driver: this.#settings.driver.name, areAll: this.#isAllDue, limit: PAGE };
    let page = await listWatched(read, which);
    while (page.length > 0 && !this.#stop.signal.aborted) {
      yield page;
      await setImmediate();
      page = page.length < PAGE ? [] : await listWatched(read, { ...which, after: page.at(-1)?.id });
    }
  }

  async #compare(
    instances: readonly Watched[],
    bySeen: ReadonlyMap<InstanceId, readonly Observed[]>,
  ): Promise<void> {
    const { services, clock } = this.#settings;
    const ids = instances.map(({ id }) => id);
    const known = await listSeenTexts(services.store.read, ids);
    const unretired = await listUnretiredRolloutsOf(services.store.read, ids);
    for (const instance of instances) {
      const { id, isBusy } = instance;
      const seen = bySeen.get(id) ?? [];
      const isKnown = (known.get(id) ?? '') === textOf(seen) && instance.isObservable;
      const isDeviating = !isBusy && deviates(instance, seen, unretired.get(id) ?? []) !== undefined;
      if (isDeviating) this.#repairs.deviates(id);
      else if (!isBusy) this.#repairs.isWell(id, clock.monotonic());
      if (!isKnown && !this.#isCompared) this.#firstDue.add(id);
      if (!isKnown || (isDeviating && this.#repairs.isDue(id, clock.monotonic()))) this.add(id);
    }
  }

  /** Seen, but not among those that may run: one that was deleted, that was just started, or of nobody. */
  async #addUnlisted(id: InstanceId): Promise<void> {
    const { services, clock, log } = this.#settings;
    if (this.#strange.has(id) || !this.#repairs.isDue(id, clock.monotonic())) return;
    if (await findWatched(services.store.read, id)) return this.add(id);
    this.#strange = new Set([...this.#strange, id]);
    log.warn(
      { instance: id },
      'replicas run here of an instance that the store does not know; they are left alone',
    );
  }
}
