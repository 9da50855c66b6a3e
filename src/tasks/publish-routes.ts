import { setTimeout } from 'node:timers/promises';
import type { Route } from '../domain/routes.ts';
import { Problem } from '../domain/errors.ts';
import { replicaName } from '../domain/rollout.ts';
import type { Ingress } from '../ingress/ingress.ts';
import type { Store } from '../store/open.ts';
import { listRoutable } from '../store/routable.ts';

const PATIENCE_MS = 30_000;

/**
 * Tells the ingress what the store says. One table after the other: of two at once the later never carries the older,
 * and whoever asks while one is on its way shares the next.
 */
export class RoutePublisher {
  readonly #store: Store;
  readonly #ingress: Ingress;
  #last: Promise<void> = Promise.resolve();
  #next: Promise<void> | undefined;

  readonly #observed = Promise.withResolvers<void>();
  #isObserved = false;

  constructor(store: Store, ingress: Ingress) {
    this.#store = store;
    this.#ingress = ingress;
  }

  /**
   * What the store remembers of replicas is of this life of the platform from now on. Before, a port may be another's:
   * the machine was started again, or the data directory restored.
   */
  markObserved(): void {
    this.#isObserved = true;
    this.#observed.resolve();
  }

  /** Resolves when everything that was committed before this call is in force. */
  async publish(): Promise<void> {
    if (!this.#isObserved) await this.#awaitObserved();
    return this.#publish();
  }

  async #awaitObserved(): Promise<void> {
    const patience = new AbortController();
    const tooLong = setTimeout(PATIENCE_MS, 'tooLong', { signal: patience.signal, ref: false });
    const first = await Promise.race([this.#observed.promise, tooLong.catch(() => undefined)]);
    patience.abort();
    if (first !== 'tooLong') return;
    throw new Problem(
      'unavailable',
      `No route is changed before the platform has seen what runs since its start; it saw nothing for ${PATIENCE_MS / 1000} s. ` +
        'Look at /readyz?verbose for what is not there.',
    );
  }

  #publish(): Promise<void> {
    this.#next ??= this.#last.then(() => {
      this.#next = undefined;
      const sent = this.#send();
      this.#last = sent.catch(() => undefined);
      return sent;
    });
    return this.#next;
  }

  async #send(): Promise<void> {
    const instances = await listRoutable(this.#store.read);
    await this.#ingress.publish(
      instances.map(({ id, hosts, prefixes, isStopped, replicas }): Route => ({
        instance: id,
        hosts,
        ...(prefixes.length > 0 && { prefixes }),
        targets: replicas.map((replica) => ({
          replica: replicaName(replica),
          host: replica.host,
          port: replica.port,
          ...(replica.user !== undefined && { user: replica.user }),
        })),
        ...(replicas.length === 0 && { absence: isStopped ? 'is stopped' : 'has no healthy replica' }),
      })),
    );
  }
}

const LOOK_AGAIN_MS = 20;

/** Waits until no request is in flight to the given replicas, at most for the time given: a WebSocket may stay for ever. */
export async function drain(
  parts: { readonly ingress: Ingress },
  replicas: readonly string[],
  mostMs: number,
  stop: AbortSignal,
): Promise<void> {
  const until = performance.now() + mostMs;
  while (performance.now() < until) {
    stop.throwIfAborted();
    const inFlight = await parts.ingress.inFlight();
    if (replicas.every((replica) => !inFlight[replica])) return;
    await setTimeout(LOOK_AGAIN_MS);
  }
}
