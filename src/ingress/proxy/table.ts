import type { InFlight, Route, RouteTable } from '../../domain/routes.ts';
import { plainReach } from '../../kernel/reach.ts';
import type { Reach } from '../../kernel/reach.ts';
import { Upstream } from './upstream.ts';

/** Requests and WebSockets in flight to one instance, whatever its replicas. */
interface Crowd {
  count: number;
  readonly most: number;
}

/** Where the requests for a host go. */
export class Destination {
  readonly route: Route;
  readonly upstreams: readonly Upstream[];
  #turn = 0;
  readonly #crowd: Crowd;

  constructor(route: Route, upstreams: readonly Upstream[], crowd: Crowd) {
    this.route = route;
    this.upstreams = upstreams;
    this.#crowd = crowd;
  }

  /** False where the instance has as many requests in flight as one may have. */
  enter(): boolean {
    if (this.#crowd.count >= this.#crowd.most) return false;
    this.#crowd.count++;
    return true;
  }

  leave(): void {
    this.#crowd.count--;
  }

  /** The one with the least in flight, in turn among equals; one that refused lately only if there is no other. */
  pick(refused: readonly Upstream[]): Upstream | undefined {
    const count = this.upstreams.length;
    let best: Upstream | undefined;
    let bestLoad = Infinity;
    this.#turn = this.#turn + 1 >= count ? 0 : this.#turn + 1;
    for (let step = 0; step < count; step++) {
      const upstream = this.upstreams[(this.#turn + step) % count];
      if (upstream === undefined || refused.includes(upstream)) continue;
      const load = upstream.inFlight + (upstream.isAvoided ? 1e9 : 0);
      if (load < bestLoad) {
        best = upstream;
        bestLoad = load;
      }
    }
    return best;
  }
}

interface Prefixed {
  readonly path: string;
  readonly destination: Destination;
}

/** On the border of a segment, or of the query. */
function leadsTo(prefix: string, path: string): boolean {
  if (!path.startsWith(prefix)) return false;
  const next = path.charAt(prefix.length);
  return next === '' || next === '/' || next === '?' || next === '#';
}

export class Table {
  #destinations = new Map<string, Destination>();
  /** By host, the longest path first. */
  #prefixed = new Map<string, readonly Prefixed[]>();
  #upstreams = new Map<string, Upstream>();
  /** Those that left the table with something in flight. */
  readonly #leaving = new Set<Upstream>();
  readonly #reach: Reach;

  #crowds = new Map<string, Crowd>();
  readonly #mostOfOne: number;

  constructor(reach: Reach = plainReach, mostOfOne = Infinity) {
    this.#reach = reach;
    this.#mostOfOne = mostOfOne;
  }

  /** The longest path that leads to the request's; else whoever has the whole host. */
  find(host: string, path: string): Destination | undefined {
    const prefixed = this.#prefixed.get(host);
    const found = prefixed?.find((each) => leadsTo(each.path, path));
    return found === undefined ? this.#destinations.get(host) : found.destination;
  }

  /** Whether any instance has the host, or a path of it. */
  knows(host: string): boolean {
    return this.#destinations.has(host) || this.#prefixed.has(host);
  }

  /** Connections to replicas that stay are kept; the first route that names a host has it. */
  apply(table: RouteTable): void {
    const before = this.#upstreams;
    const upstreams = new Map<string, Upstream>();
    const destinations = new Map<string, Destination>();
    const prefixed = new Map<string, readonly Prefixed[]>();
    const crowds = new Map<string, Crowd>();
    for (const route of table.routes) {
      const crowd = this.#crowds.get(route.instance) ?? { count: 0, most: this.#mostOfOne };
      crowds.set(route.instance, crowd);
      const own = route.targets.map((target) => {
        const key = `${target.replica} ${target.host} ${String(target.port)} ${String(target.user)}`;
        const upstream = upstreams.get(key) ?? before.get(key) ?? new Upstream(target, this.#reach);
        upstreams.set(key, upstream);
        return upstream;
      });
      const destination = new Destination(route, own, crowd);
      for (const { host, path } of route.prefixes ?? []) {
        const others = prefixed.get(host) ?? [];
        if (!others.some((other) => other.path === path))
          prefixed.set(
            host,
            [...others, { path, destination }].toSorted((a, b) => b.path.length - a.path.length),
          );
      }
      for (const host of route.hosts) {
        if (!destinations.has(host)) destinations.set(host, destination);
      }
    }
    this.#crowds = crowds;
    this.#destinations = destinations;
    this.#prefixed = prefixed;
    this.#upstreams = upstreams;
    for (const [key, upstream] of before) {
      if (upstreams.has(key)) continue;
      upstream.retire();
      if (upstream.inFlight > 0) this.#leaving.add(upstream);
    }
  }

  inFlight(): InFlight {
    const counts: Record<string, number> = {};
    const add = (upstream: Upstream) => {
      if (upstream.inFlight > 0)
        counts[upstream.replica] = (counts[upstream.replica] ?? 0) + upstream.inFlight;
    };
    for (const upstream of this.#upstreams.values()) add(upstream);
    for (const upstream of this.#leaving) {
      if (upstream.inFlight === 0) this.#leaving.delete(upstream);
      else add(upstream);
    }
    return counts;
  }
}
