import { setTimeout as pause } from 'node:timers/promises';
import { Client } from 'pg';
import { placeLost } from './faults.ts';
import { Sockets } from './sockets.ts';

/** One platform at a time works on a database; whoever holds this advisory lock of it is the one. */
const LOCK = 5_704_120_071;
/** A platform that was killed is gone from the server within milliseconds, unless that is busy. */
const TAKE_MOST_MS = 3_000;
const TAKE_EVERY_MS = 100;
const BEAT_MS = 2_000;
const ANSWER_MS = 5_000;
/** A host that lost its power says nothing: the server gives its place away after some 20 s. */
const KEEP_ALIVE =
  'set tcp_keepalives_idle = 5; set tcp_keepalives_interval = 5; set tcp_keepalives_count = 3; set tcp_user_timeout = 20000';

export interface Holder {
  /** Of this run of the platform alone. */
  readonly run: string;
  readonly hostName: string;
}

interface PlaceLog {
  warn(fields: object, message: string): void;
}

/**
 * The right of one platform to write, held by a connection of its own: the server takes it back when that breaks,
 * however the platform ended. Lost, it is asked for again until it is had; until then nothing is written.
 */
export class Place {
  readonly #url: string;
  readonly #holder: Holder;
  readonly #log: PlaceLog;
  readonly #sockets = new Sockets();
  #client: Client | undefined;
  #beat: NodeJS.Timeout | undefined;
  #isClosed = false;

  private constructor(url: string, holder: Holder, log: PlaceLog) {
    this.#url = url;
    this.#holder = holder;
    this.#log = log;
  }

  /** Throws, in a sentence, where another platform holds it, or it cannot be asked for. */
  static async take(url: string, holder: Holder, log: PlaceLog): Promise<Place> {
    const place = new Place(url, holder, log);
    const taken = () =>
      place.#take().catch((error: unknown) => {
        throw cannotOpen(error);
      });
    for (const end = performance.now() + TAKE_MOST_MS; !(await taken()); await pause(TAKE_EVERY_MS)) {
      if (performance.now() < end) continue;
      throw new Error(
        `Another platform is running on this database${await place.#whose()}. One platform at a time may use a database: stop that one, or name another database with --database-url.`,
      );
    }
    return place;
  }

  /** Says in the database who writes, once its tables are there: every transaction is held against it. */
  async announce(): Promise<void> {
    await this.#client?.query(
      "insert into facts (name, value) values ('platform', $1) on conflict (name) do update set value = $1",
      [this.#text],
    );
  }

  /** As it stands in the database. */
  get #text(): string {
    return holderText(this.#holder);
  }

  assertHeld(): void {
    if (!this.#client) throw placeLost();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#beat);
    const client = this.#client;
    this.#client = undefined;
    await this.#sockets.end(async () => client?.end());
  }

  async #take(): Promise<boolean> {
    const client = new Client({
      connectionString: this.#url,
      application_name: 'openstage place',
      connectionTimeoutMillis: ANSWER_MS,
      query_timeout: ANSWER_MS,
      stream: this.#sockets.make,
      keepAlive: true,
    });
    client.on('error', () => this.#lose(client));
    client.on('end', () => this.#lose(client));
    let isTaken = false;
    try {
      await client.connect();
      await client.query(KEEP_ALIVE);
      const { rows } = await client.query<{ taken: boolean }>('select pg_try_advisory_lock($1) as taken', [
        LOCK,
      ]);
      isTaken = rows[0]?.taken === true;
    } finally {
      // Also where no answer came: it may have got the lock, and would keep it from the next.
      if (!isTaken) client.end().catch(() => {});
    }
    if (!isTaken) return false;
    this.#client = client;
    this.#beat = setInterval(() => {
      client.query('select 1').catch(() => this.#lose(client));
    }, BEAT_MS).unref();
    return true;
  }

  #lose(client: Client): void {
    if (this.#client !== client) return;
    this.#client = undefined;
    clearInterval(this.#beat);
    if (this.#isClosed) return;
    this.#log.warn(
      {},
      'the connection that proves this platform to be the only one on the database was lost; nothing is written until it is back',
    );
    client.end().catch(() => {});
    void this.#regain();
  }

  async #regain(): Promise<void> {
    while (!this.#isClosed) {
      try {
        if (await this.#take()) {
          await this.announce();
          this.#log.warn({}, 'this platform is the only one on the database again; it writes again');
          return;
        }
      } catch {
        // The server is not there yet.
      }
      await pause(TAKE_EVERY_MS);
    }
  }

  /** For the sentence alone. */
  async #whose(): Promise<string> {
    const client = new Client({ connectionString: this.#url, connectionTimeoutMillis: ANSWER_MS });
    try {
      await client.connect();
      const { rows } = await client.query<{ value: string }>(
        "select value from facts where name = 'platform'",
      );
      const name = rows[0]?.value.split(' ').slice(1).join(' ');
      return name === undefined || name === '' ? '' : ` (on host ${name})`;
    } catch {
      return '';
    } finally {
      await client.end().catch(() => {});
    }
  }
}

/** The address itself is not repeated: it may hold a password. */
const cannotOpen = (error: unknown) =>
  new Error(
    `The database that --database-url (OPENSTAGE_DATABASE_URL) names cannot be used: ${error instanceof Error ? error.message : String(error)}. ` +
      'Check that its server runs, that the database is there, and that it lets this user in and has connections left; then start again.',
    { cause: error },
  );

export const holderText = ({ run, hostName }: Holder): string => `${run} ${hostName}`;
