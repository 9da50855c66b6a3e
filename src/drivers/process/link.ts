import { setTimeout as wait } from 'node:timers/promises';
import type { FenceSeen } from '../../domain/fences.ts';
import { describeFences } from '../../domain/fences.ts';
import { Problem } from '../../domain/errors.ts';
import { Connection, ConnectionLost, openStream } from './connection.ts';
import type { SupervisorStart } from './start-supervisor.ts';
import { lastWords, startSupervisor } from './start-supervisor.ts';
import type { Call } from './supervisor/protocol.ts';
import { VERSION } from './supervisor/protocol.ts';
import { formerSocketPath, socketPath, whyNotPrivate } from './supervisor/socket-path.ts';
import { reasonOf } from './supervisor/reason.ts';

/** The platform's log, as pino has it. */
export interface Log {
  info(facts: Readonly<Record<string, unknown>>, text: string): void;
  warn(facts: Readonly<Record<string, unknown>>, text: string): void;
}

const KNOCK_MS = 5;
/** A loaded machine needs seconds to start a Node process. */
const START_MS = 20_000;
/** How a supervisor exits that found another one of its data directory. */
const FOUND_ANOTHER = 'code 0';
/** After this it is taken to have been on its way out. */
const ANOTHER_MOST_MS = 500;
/** Longer than a start takes on a machine that is well. */
const OPEN_MOST_MS = 8_000;
/** A call is repeated on a new connection: every one of them may come twice. */
const TRIES = 4;
const FIRST_RESTART_MS = 100;
const LAST_RESTART_MS = 5000;

/** Keeps a supervisor running and a connection to it open, until it is closed. */
export class SupervisorLink {
  readonly #start: SupervisorStart;
  readonly #log: Log;
  readonly #path: string;
  #connection: Promise<Connection> | undefined;
  #isClosed = false;
  #restartMs = FIRST_RESTART_MS;
  #fences: readonly FenceSeen[] = [];

  constructor(start: SupervisorStart, log: Log) {
    this.#start = start;
    this.#log = log;
    this.#path = socketPath(start.dataDir);
  }

  /** Finds or starts the supervisor; should that take long or fail, it is gone on with while the platform serves without. */
  async open(): Promise<void> {
    const found = this.#connect().then(
      () => undefined,
      (error: unknown) => {
        this.#log.warn({ error: reasonOf(error) }, 'The supervisor cannot be reached; it is tried again.');
        void this.#keepTrying();
      },
    );
    await Promise.race([found, wait(OPEN_MOST_MS, undefined, { ref: false })]);
  }

  /** `mostMs` bounds what is answered at once by a supervisor that is well: one that hangs is as good as none. */
  async call(call: Call, mostMs?: number): Promise<unknown> {
    const answer = this.#ask(call);
    return mostMs === undefined ? answer : this.#within(mostMs, answer);
  }

  async #ask(call: Call): Promise<unknown> {
    for (let tries = 1; ; tries += 1) {
      const connection = await this.#connect();
      try {
        return await connection.call(call);
      } catch (error) {
        if (!(error instanceof ConnectionLost) || this.#isClosed) throw error;
        if (tries === TRIES) throw unreachable('it ended during each of several tries', this.#start.logFile);
      }
    }
  }

  async #within<T>(ms: number, answer: Promise<T>): Promise<T> {
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(
      () => late.reject(unreachable(`it did not answer within ${ms / 1000} s`, this.#start.logFile)),
      ms,
    );
    try {
      return await Promise.race([answer, late.promise]);
    } finally {
      clearTimeout(timer);
    }
  }

  async *stream(call: Call, stop: AbortSignal): AsyncGenerator<unknown> {
    await this.#connect();
    yield* openStream(this.#path, call, stop);
  }

  close(): void {
    this.#isClosed = true;
    void this.#connection?.then((connection) => connection.close()).catch(() => {});
  }

  #connect(): Promise<Connection> {
    if (this.#isClosed)
      return Promise.reject(unreachable('the platform is shutting down', this.#start.logFile));
    if (this.#connection) return this.#connection;
    const opening = this.#open();
    this.#connection = opening;
    opening.then(
      (connection) => {
        this.#sawFences(connection.fences);
        void connection.closed.then(() => this.#lost(opening));
      },
      () => this.#forget(opening),
    );
    return opening;
  }

  /** As the supervisor that was last reached told them; empty before. */
  fences(): readonly FenceSeen[] {
    return this.#fences;
  }

  #sawFences(seen: readonly FenceSeen[]): void {
    this.#fences = seen;
    const isAnyMissing = seen.some(({ lack }) => lack !== undefined);
    const sentence = describeFences(seen).join('. ');
    if (isAnyMissing) this.#log.warn({ fences: seen }, sentence);
    else this.#log.info({ fences: seen }, sentence);
  }

  #forget(opening: Promise<Connection>): void {
    if (this.#connection === opening) this.#connection = undefined;
  }

  #lost(opening: Promise<Connection>): void {
    this.#forget(opening);
    if (this.#isClosed) return;
    this.#log.warn({}, 'The supervisor went away; applications go on, and it is started again.');
    void this.#keepTrying();
  }

  async #keepTrying(): Promise<void> {
    while (!this.#isClosed) {
      try {
        await this.#connect();
        return;
      } catch (error) {
        this.#log.warn({ error: reasonOf(error) }, 'The supervisor cannot be reached.');
      }
      await wait(this.#restartMs, undefined, { ref: false });
      this.#restartMs = Math.min(this.#restartMs * 2, LAST_RESTART_MS);
    }
  }

  async #open(): Promise<Connection> {
    const running = await tryOpen(this.#path);
    if (running?.version === VERSION) return running;
    if (running) await this.#replace(running);
    else await this.#replaceFormer();
    let end = '';
    let tries = 0;
    for (const deadline = performance.now() + START_MS; performance.now() < deadline;) {
      const started = await startSupervisor(this.#start);
      const result = await this.#knock(started.ended, deadline);
      if (result instanceof Connection) return result;
      end = result.end;
      // One that is killed while it starts says nothing about the next.
      if (!result.foundAnother && (tries += 1) === TRIES) break;
    }
    throw unreachable(end, this.#start.logFile);
  }

  /** One that listens where supervisors of earlier versions did, should nobody else have made that place. */
  async #replaceFormer(): Promise<void> {
    const path = formerSocketPath(this.#start.dataDir);
    if (path === undefined || whyNotPrivate(path) !== undefined) return;
    const former = await tryOpen(path);
    if (former) await this.#replace(former);
  }

  /** One of the version before would not do all that a rollout asks for: its successor takes the applications over. */
  async #replace(running: Connection): Promise<void> {
    this.#log.info(
      { version: running.version, successor: VERSION },
      'A supervisor of an earlier version gives way to its successor; applications go on.',
    );
    await running.call({ op: 'shutdown', applications: 'leave' });
    await running.closed;
  }

  /** The connection, or why there is none. */
  async #knock(ended: Promise<string>, deadline: number): Promise<Connection | Vain> {
    let exit: { readonly how: string; readonly at: number } | undefined;
    void ended.then((how) => (exit = { how, at: performance.now() }));
    for (; performance.now() < deadline; await wait(KNOCK_MS)) {
      const connection = await tryOpen(this.#path);
      if (connection) {
        this.#log.info({}, 'The supervisor was started.');
        this.#restartMs = FIRST_RESTART_MS;
        return connection;
      }
      if (exit === undefined) continue;
      if (exit.how !== FOUND_ANOTHER) return { end: `it ended with ${exit.how}`, foundAnother: false };
      // That one was faster and will answer soon, or it was ending.
      if (performance.now() > exit.at + ANOTHER_MOST_MS)
        return { end: 'another one was found, which did not answer', foundAnother: true };
    }
    return { end: `it did not answer within ${START_MS / 1000} s`, foundAnother: false };
  }
}

/** A start that came to nothing. */
interface Vain {
  readonly end: string;
  readonly foundAnother: boolean;
}

async function tryOpen(path: string): Promise<Connection | undefined> {
  try {
    return await Connection.open(path);
  } catch (error) {
    if (error instanceof Problem) throw error;
    return undefined;
  }
}

const unreachable = (why: string, logFile: string): Problem =>
  new Problem(
    'targetUnavailable',
    `The supervisor of this host cannot be reached: ${why}. Look into ${logFile} (${lastWords(logFile)}).`,
    {},
    { isPassing: true },
  );
