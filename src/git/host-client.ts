import type { IncomingMessage } from 'node:http';
import {
  checkedAddresses,
  checkUrl,
  gitHosts,
  machineAddresses,
  resolveHost,
  shownUrl,
  type Resolve,
} from '../connections/destination.ts';
import type { FetchAllow } from '../connections/fetch-allow.ts';
import { explained, request } from '../connections/request.ts';
import { Problem } from '../domain/errors.ts';
import { HostAnswer } from './answer.ts';
import { refusal } from './refusal.ts';

/** Where hosts may be. */
export interface Reach {
  readonly allow: FetchAllow;
  /** Seams: the name service and this machine's addresses. */
  readonly resolve?: Resolve;
  readonly own?: () => readonly string[];
}

export interface Question {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Below the API's base, each segment encoded: "/user/repos". */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  /** Sent as JSON. */
  readonly json?: object;
  /** Sent as a form. */
  readonly form?: FormData | URLSearchParams;
}

/** A call of the API waits for this; clients give up after a minute. */
const TOTAL_MS = 30_000;
const IDLE_MS = 15_000;
/** A file of some ten megabytes in base64. */
const MAX_ANSWER_BYTES = 16 * 1024 * 1024;
const MAX_REDIRECTS = 3;
const redirects: ReadonlySet<number> = new Set([301, 302, 307, 308]);

/**
 * Asks one API of one host with one credential, which leaves for its origin only: neither a redirect nor a link to a
 * next page leads elsewhere.
 */
export class HostClient {
  readonly #base: string;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #secrets: readonly string[];
  readonly #reach: Reach;

  /** `secrets` are taken out of whatever the host says. */
  constructor(members: {
    base: string;
    headers: Readonly<Record<string, string>>;
    secrets: readonly string[];
    reach: Reach;
  }) {
    this.#base = members.base;
    this.#headers = members.headers;
    this.#secrets = members.secrets.filter((secret) => secret !== '');
    this.#reach = members.reach;
  }

  get host(): string {
    return new URL(this.#base).host;
  }

  /** The answer of a call that worked; any other is a Problem. */
  async ask(question: Question): Promise<HostAnswer> {
    return this.#known(await this.tryAsk(question));
  }

  /** Whatever the host answers. */
  tryAsk({ method = 'GET', path, query = {}, json, form }: Question): Promise<HostAnswer> {
    const url = new URL(`${this.#base}${path}`);
    for (const [name, value] of Object.entries(query))
      if (value !== undefined) url.searchParams.set(name, String(value));
    return this.#inTime(async (signal) => {
      const encoded = form && new Response(form);
      const type = json ? 'application/json' : encoded?.headers.get('content-type');
      const body = json
        ? Buffer.from(JSON.stringify(json))
        : encoded && Buffer.from(await encoded.arrayBuffer());
      const headers = { ...this.#headers, ...(type && { 'content-type': type }) };
      return this.#follow(url, { method, headers, ...(body && { body }) }, signal);
    });
  }

  /** A page that an answer names; it must lie in the same API. */
  async askAt(address: string): Promise<HostAnswer> {
    const url = URL.canParse(address, this.#base) ? new URL(address, this.#base) : undefined;
    if (!url || !this.#isWithin(url)) throw this.#leadsAway();
    return this.#known(
      await this.#inTime((signal) => this.#follow(url, { method: 'GET', headers: this.#headers }, signal)),
    );
  }

  #known(answer: HostAnswer): HostAnswer {
    if (answer.status >= 200 && answer.status < 300) return answer;
    throw refusal(answer, this.host, this.#secrets);
  }

  #isWithin(url: URL): boolean {
    const base = new URL(this.#base);
    return url.origin === base.origin && url.pathname.startsWith(base.pathname);
  }

  #leadsAway(): Problem {
    return new Problem(
      'gitInvalid',
      `${this.host} leads to another host, where its credential does not go; name the base address that the host itself uses.`,
    );
  }

  async #follow(
    asked: URL,
    call: { method: string; headers: Readonly<Record<string, string>>; body?: Buffer },
    signal: AbortSignal,
  ): Promise<HostAnswer> {
    let url = asked;
    for (let hops = 0; hops <= MAX_REDIRECTS; hops++) {
      const response = await this.#send(url, call, signal);
      const { location } = response.headers;
      if (!redirects.has(response.statusCode ?? 0) || location === undefined || call.method !== 'GET')
        return this.#read(response);
      response.destroy();
      const next = URL.canParse(location, url.href) ? new URL(location, url) : undefined;
      if (next?.origin !== asked.origin) throw this.#leadsAway();
      url = next;
    }
    throw new Problem('gitInvalid', `${shownUrl(asked)} was redirected more than ${MAX_REDIRECTS} times.`);
  }

  async #send(
    url: URL,
    call: { method: string; headers: Readonly<Record<string, string>>; body?: Buffer },
    signal: AbortSignal,
  ): Promise<IncomingMessage> {
    const { allow, resolve = resolveHost, own = machineAddresses } = this.#reach;
    checkUrl(url.href, allow, gitHosts);
    const addresses = await checkedAddresses(url, { allow, resolve, own: own(), purpose: gitHosts });
    return request(url, { ...call, addresses, idleMs: IDLE_MS, signal });
  }

  async #read(response: IncomingMessage): Promise<HostAnswer> {
    const chunks: Buffer[] = [];
    let size = 0;
    try {
      for await (const chunk of response) {
        if (!Buffer.isBuffer(chunk)) continue;
        size += chunk.length;
        if (size > MAX_ANSWER_BYTES) {
          throw new Problem(
            'gitInvalid',
            `${this.host} answered more than ${MAX_ANSWER_BYTES} bytes; ask for less, or clone the repository.`,
          );
        }
        chunks.push(chunk);
      }
    } finally {
      response.destroy();
    }
    return new HostAnswer({
      status: response.statusCode ?? 0,
      headers: response.headers,
      bytes: Buffer.concat(chunks),
      host: this.host,
    });
  }

  /** What the network does is told to the caller: there is no job that could try again. */
  async #inTime(work: (signal: AbortSignal) => Promise<HostAnswer>): Promise<HostAnswer> {
    const signal = AbortSignal.timeout(TOTAL_MS);
    try {
      return await work(signal);
    } catch (error) {
      if (error instanceof Problem || !(error instanceof Error)) throw error;
      if (signal.aborted) {
        throw new Problem(
          'gitInvalid',
          `${this.host} did not answer within ${TOTAL_MS} ms; try again later.`,
        );
      }
      const known = explained(error, new URL(this.#base), gitHosts);
      if (known instanceof Problem) throw known;
      throw new Problem(
        'gitInvalid',
        `The git host cannot be reached: ${known.message} Correct the host, or try again later.`,
        {},
        { cause: error },
      );
    }
  }
}
