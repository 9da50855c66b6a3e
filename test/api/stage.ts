import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { InjectOptions, LightMyRequestResponse } from 'fastify';
import { pino } from 'pino';
import { generate } from 'selfsigned';
import type { Admission } from '../../src/actions/admission.ts';
import type { Services } from '../../src/actions/caller.ts';
import { seedPlatform } from '../../src/actions/seed-platform.ts';
import type { ApiSettings } from '../../src/api/parts.ts';
import { createApi, type Api } from '../../src/api/server.ts';
import { ArtifactStore } from '../../src/artifacts/artifact-store.ts';
import type { Grants } from '../../src/domain/grants.ts';
import { hostId, projectId, userId, type ProjectId, type UserId } from '../../src/domain/ids.ts';
import type { RoleName } from '../../src/domain/permission.ts';
import type { GitParts } from '../../src/git/parts.ts';
import { hashPassword } from '../../src/iam/passwords.ts';
import { issueToken } from '../../src/iam/tokens.ts';
import { randomJobIds } from '../../src/jobs/open-job.ts';
import type { Tap } from '../../src/store/faults.ts';
import { openStore, type Store } from '../../src/store/open.ts';
import { insertProject, findProject } from '../../src/store/projects.ts';
import { grantRole } from '../../src/store/role-assignments.ts';
import { insertUser } from '../../src/store/users.ts';
import { removeData } from '../../src/cli/tour/remove-data.ts';
import { chosenDatabase } from '../store/databases.ts';
import { assertFits } from './schemas.ts';

export const ENVIRONMENT = '6e763000-9128-4a9d-adea-34c42cc5344d';
export const CLUSTER = 'b6862a62-d916-11e9-bdf1-0255ac101fd9';
export const LOAD_BALANCER = '8c0a45cc-626f-4d65-8257-507ee059aa9a';
export const PASSWORD = 'correct horse battery staple';
export const HOST = 'host-1';
export const KEY_PAIR = { access: 'AKTESTAKTESTAKTEST01', secret: 'sk-test-sk-test-sk-test-sk-test-sk-test' };

const runtimes = [
  { typeName: 'Tomcat8', displayName: 'Tomcat 8', containerDefaultPort: 8080, typeDesc: 'WARs' },
  { typeName: 'Nodejs8', displayName: 'Node.js', containerDefaultPort: 3000, typeDesc: 'package.json' },
  { typeName: 'Php7', displayName: 'PHP 7', containerDefaultPort: 80, typeDesc: 'PHP' },
];

/** Nobody's secret: made once per test run. */
let passwordHash: Promise<string> | undefined;
let certificate: Promise<{ key: string; cert: string }> | undefined;
const makeCertificate = async () => {
  const { private: key, cert } = await generate([{ name: 'commonName', value: 'localhost' }]);
  return { key, cert };
};

/** An answer; members are looked into by path. */
export class Answer {
  readonly status: number;
  readonly body: unknown;
  readonly headers: LightMyRequestResponse['headers'];
  readonly raw: string;

  constructor(response: LightMyRequestResponse) {
    this.status = response.statusCode;
    this.headers = response.headers;
    this.raw = response.body;
    const isJson = response.headers['content-type']?.startsWith('application/json') === true;
    this.body = isJson && this.raw !== '' ? JSON.parse(this.raw) : undefined;
  }

  /** The member at a path; a number takes from a list. */
  at(...path: readonly (string | number)[]): unknown {
    return path.reduce(member, this.body);
  }

  /** The same, where it must be text. */
  text(...path: readonly (string | number)[]): string {
    const value = this.at(...path);
    assert.equal(typeof value, 'string', `${path.join('.')} of ${this.raw}`);
    return String(value);
  }

  /** One member of every entry of a list. */
  each(list: string, name: string): readonly unknown[] {
    const entries = this.at(list);
    assert.ok(Array.isArray(entries), `${list} of ${this.raw} is no list`);
    return entries.map((entry: unknown) => member(entry, name));
  }

  /** Status and code of an error: "404 SVCSTG.00100403". */
  get problem(): string {
    return `${this.status} ${String(this.at('error_code') ?? this.at('error', 'code'))}`;
  }
}

const member = (value: unknown, name: string | number): unknown =>
  typeof value === 'object' && value !== null
    ? Object.entries(value).find(([key]) => key === String(name))?.[1]
    : undefined;

interface Faults {
  next?: Error | undefined;
}

/** A platform's API over a real store, with no engine behind it: jobs stay open. */
export class Stage {
  readonly api: Api;
  readonly store: Store;
  readonly services: Services;
  readonly project: ProjectId;
  readonly token: string;
  readonly admin: UserId;
  readonly dataDir: string;
  readonly logged: string[];
  readonly #faults: Faults;

  constructor(members: {
    api: Api;
    store: Store;
    services: Services;
    project: ProjectId;
    token: string;
    admin: UserId;
    dataDir: string;
    logged: string[];
    faults: Faults;
  }) {
    this.api = members.api;
    this.store = members.store;
    this.services = members.services;
    this.project = members.project;
    this.token = members.token;
    this.admin = members.admin;
    this.dataDir = members.dataDir;
    this.logged = members.logged;
    this.#faults = members.faults;
  }

  /** From now on every statement fails like this; undefined: none does. */
  breakStore(fault: Error | undefined): void {
    this.#faults.next = fault;
  }

  /** The address of something below this project's v2 root. */
  at(path: string, project: string = this.project): string {
    return `/v2/${project}/cas${path}`;
  }

  /** Any request; the answer is held to its own schema and to the contract's. */
  async send(options: InjectOptions): Promise<Answer> {
    const answer = new Answer(await this.api.app.inject(options));
    const { status, body, raw } = answer;
    assertFits(this.api.app, {
      method: options.method ?? 'GET',
      url: String(options.url),
      status,
      body,
      raw,
    });
    await this.#assertAudited(options, answer);
    return answer;
  }

  /** Every change has exactly one line in the audit, and what was refused has none. */
  async #assertAudited({ method = 'GET', url }: InjectOptions, answer: Answer): Promise<void> {
    if (method === 'GET' || method === 'HEAD' || this.#faults.next) return;
    const path = String(url).replace(/\?.*/s, '');
    // A git host that pushes is nobody whom the platform knows.
    if (path.includes('/git/push/')) return;
    const { length } = await this.store.read
      .selectFrom('audit')
      .select('id')
      .where('request_id', '=', String(answer.headers['x-request-id']))
      .execute();
    assert.equal(length, answer.status < 300 ? 1 : 0, `audit lines of ${method} ${path}: ${answer.status}`);
  }

  request(
    method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
    url: string,
    payload?: object | string,
  ): Promise<Answer> {
    return this.send({
      method,
      url,
      headers: {
        'x-auth-token': this.token,
        ...(payload !== undefined && { 'content-type': 'application/json' }),
      },
      ...(payload !== undefined && { payload }),
    });
  }

  get = (path: string) => this.request('GET', this.at(path));
  post = (path: string, body: object | string) => this.request('POST', this.at(path), body);
  put = (path: string, body: object | string) => this.request('PUT', this.at(path), body);
  patch = (path: string, body: object | string) => this.request('PATCH', this.at(path), body);
  delete = (path: string) => this.request('DELETE', this.at(path));

  /** Another project of the domain with a token of its own. */
  async neighbour(): Promise<{ readonly project: ProjectId; readonly token: string }> {
    const own = await findProject(this.store.read, this.project);
    if (!own) throw new Error('The stage has lost its project.');
    const project = projectId(randomUUID().replaceAll('-', ''));
    const user = userId(randomUUID().replaceAll('-', ''));
    await this.store.write(async (tx) => {
      await insertProject(tx, {
        id: project,
        domain: own.domain,
        name: `neighbour-${project}`,
        createTime: 1,
      });
      await insertUser(tx, {
        id: user,
        domain: own.domain,
        name: `ann-${user}`,
        passwordHash: 'scrypt$2$1$1$AA==$AA==',
        isEnabled: true,
        createTime: 1,
      });
    });
    await this.store.write((tx) => grantRole(tx, user, { project }, 'te_admin', 1));
    const { token } = await issueToken(this.store, { user, project }, this.services.now());
    return { project, token };
  }

  /** A token of somebody who has one role in the stage's project, or none. */
  async tokenOf(role?: RoleName): Promise<string> {
    const own = await findProject(this.store.read, this.project);
    if (!own) throw new Error('The stage has lost its project.');
    const user = userId(randomUUID().replaceAll('-', ''));
    await this.store.write(async (tx) => {
      await insertUser(tx, {
        id: user,
        domain: own.domain,
        name: `${role ?? 'nobody'}-${user}`,
        passwordHash: 'scrypt$2$1$1$AA==$AA==',
        isEnabled: true,
        createTime: 1,
      });
      if (role) await grantRole(tx, user, { project: this.project }, role, 1);
    });
    return (await issueToken(this.store, { user, project: this.project }, this.services.now())).token;
  }
}

export async function openStage(
  t: Pick<TestContext, 'after'>,
  changes: Partial<Omit<ApiSettings, 'git'>> & {
    readonly now?: () => number;
    /** Where an engine is to run the jobs. */
    readonly wake?: () => void;
    readonly git?: Partial<Pick<GitParts, 'reach' | 'hosts'>>;
    readonly grants?: Partial<Grants>;
    readonly admission?: Admission;
    /** Sees every statement too, from the first on. */
    readonly tap?: Tap;
  } = {},
): Promise<Stage> {
  const dataDir = await mkdtemp(join(tmpdir(), 'openstage-api-'));
  const logged: string[] = [];
  const log = pino({ level: 'debug' }, { write: (line: string) => void logged.push(line) });
  const faults: Faults = {};
  const tap = (statement: string) => {
    if (faults.next) throw faults.next;
    changes.tap?.(statement);
  };
  const { url, drop } = await chosenDatabase().place();
  const store = await openStore({ dataDir, log, tap, ...(url !== undefined && { url }) });
  const now = changes.now ?? Date.now;
  const key = { id: 'test', bytes: randomBytes(32) };
  const { project, admin } = await seedPlatform(store, {
    region: 'local',
    host: { id: hostId(HOST), name: 'here' },
    adminPasswordHash: () => (passwordHash ??= hashPassword(PASSWORD)),
    adminKey: () => KEY_PAIR,
    key,
    nonce: randomBytes(12),
    now: now(),
    newId: randomUUID,
  });
  const services: Services = {
    store,
    key,
    now,
    newId: randomUUID,
    newNonce: () => randomBytes(12),
    wake: changes.wake ?? (() => {}),
    jobIds: randomJobIds,
    driverOf: () => 'process',
    ...(changes.admission && { admission: changes.admission }),
    grants: { hostPaths: [], connections: [], mayMount: true, dataDir, ...changes.grants },
  };
  certificate ??= makeCertificate();
  const { now: _, wake: __, grants: _grants, admission: _admission, tap: _tap, git, ...settings } = changes;
  const { newNonce } = services;
  const api = await createApi({
    services,
    artifacts: new ArtifactStore(dataDir),
    git: { store, key, now, newNonce, reach: { allow: [] }, hosts: {}, ...git },
    followPushes: () => {},
    runtimes: async () => runtimes,
    notReady: async () => undefined,
    whyNoRoom: async () => undefined,
    fences: () => [],
    bind: '127.0.0.1',
    httpPort: 0,
    httpsPort: 0,
    tls: await certificate,
    ingressPort: () => 7081,
    region: 'local',
    version: '0.0.0-test',
    maxPackageBytes: 1024 * 1024,
    log,
    ...settings,
  });
  t.after(async () => {
    await api.close();
    await store.close();
    await drop();
    removeData(dataDir);
  });
  const { token } = await issueToken(store, { user: admin, project }, now());
  return new Stage({ api, store, services, project, token, admin, dataDir, logged, faults });
}
