import { existsSync, readFileSync } from 'node:fs';
import { addressesFile, passwordFile, type Addresses } from '../data-directory.ts';

/** What a platform wrote of itself into its data directory. */
export interface RunningPlatform extends Addresses {
  readonly password: string;
}

export function findPlatform(dataDir: string): RunningPlatform {
  const file = addressesFile(dataDir);
  if (!existsSync(file)) {
    throw new Error(
      `No platform was started on the data directory ${dataDir}; start one with "npm start", or name its directory with --data-dir.`,
    );
  }
  const written: unknown = JSON.parse(readFileSync(file, 'utf8'));
  if (!isAddresses(written))
    throw new Error(`${file} is not as this version writes it; restart the platform.`);
  return { ...written, password: writtenPassword(passwordFile(dataDir)) };
}

function writtenPassword(file: string): string {
  if (existsSync(file)) return readFileSync(file, 'utf8').trim();
  throw new Error(`${file} is not there; write the present password of admin into it.`);
}

function isAddresses(value: unknown): value is Addresses {
  const keys = ['pid', 'httpUrl', 'httpsHost', 'ingressUrl', 'region'];
  return typeof value === 'object' && value !== null && keys.every((key) => key in value);
}

export class SignInRefused extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** The public API, as any client would use it. */
export class Client {
  readonly #base: string;
  readonly #token: string;
  readonly project: string;

  private constructor(base: string, token: string, project: string) {
    this.#base = base;
    this.#token = token;
    this.project = project;
  }

  static async signIn({ httpUrl, password, region }: RunningPlatform): Promise<Client> {
    const user = { name: 'admin', password, domain: { name: 'openstage' } };
    const body = {
      auth: { identity: { methods: ['password'], password: { user } }, scope: { project: { name: region } } },
    };
    const response = await reach(`${httpUrl}/v3/auth/tokens`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
    });
    const token = response.headers.get('X-Subject-Token');
    const answer: unknown = await response.json();
    if (!response.ok || token === null)
      throw new SignInRefused(
        response.status,
        `The platform at ${httpUrl} did not sign admin in: ${JSON.stringify(answer)}`,
      );
    return new Client(httpUrl, token, projectIn(answer));
  }

  get token(): string {
    return this.#token;
  }

  async request(
    method: string,
    path: string,
    body?: unknown,
  ): Promise<{ readonly status: number; readonly body: unknown }> {
    const response = await reach(`${this.#base}${path}`, {
      method,
      headers: { 'X-Auth-Token': this.#token, 'Content-Type': 'application/json' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: text === '' ? undefined : JSON.parse(text) };
  }
}

async function reach(url: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init);
  } catch (error) {
    throw new Error(`The platform does not answer at ${new URL(url).origin}; start it with "npm start".`, {
      cause: error,
    });
  }
}

function projectIn(answer: unknown): string {
  const id = memberOf(memberOf(memberOf(answer, 'token'), 'project'), 'id');
  if (typeof id !== 'string')
    throw new Error('The platform answered a token without a project; look at its log.');
  return id;
}

export function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}
