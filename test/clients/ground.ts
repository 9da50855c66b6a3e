import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { findPlatform, memberOf } from '../../src/cli/running-platform.ts';
import { OwnPlatform } from '../../src/cli/tour/own-platform.ts';
import { textOf } from '../../src/cli/tour/steps.ts';
import { packageFor } from '../builders/packages.ts';
import { Driver, type Place } from './driver.ts';
import type { Ground } from './seven-steps.ts';

const run = promisify(execFile);

interface DriverOptions {
  readonly without?: readonly string[];
  readonly place?: Partial<Place>;
}

/** A platform of the test's own, and what `openstage env` says of it: clients get nothing else. */
export class ClientGround {
  readonly #own: OwnPlatform;
  readonly variables: Readonly<Record<string, string>>;
  readonly packages: Ground['packages'];

  private constructor(
    own: OwnPlatform,
    variables: Readonly<Record<string, string>>,
    packages: Ground['packages'],
  ) {
    this.#own = own;
    this.variables = variables;
    this.packages = packages;
  }

  static async open(): Promise<ClientGround> {
    const own = await OwnPlatform.start();
    try {
      const variables = await told(own.dataDir);
      return new ClientGround(own, variables, {
        '1.0.0': await upload(variables, '1.0.0'),
        '2.0.0': await upload(variables, '2.0.0'),
      });
    } catch (error) {
      await own.stop();
      throw error;
    }
  }

  variable(name: string): string {
    const value = this.variables[name];
    assert.ok(value, `openstage env does not print ${name}`);
    return value;
  }

  get ingressUrl(): string {
    return this.variable('OPENSTAGE_INGRESS_URL');
  }

  /** Starts a client; `without`: variables that it is not to see. */
  driver(
    argv: readonly string[],
    mode: Place['mode'],
    { without = [], place: changes = {} }: DriverOptions = {},
  ): Driver {
    const own = Object.entries(this.variables).filter(([name]) => name.startsWith('HUAWEICLOUD_SDK_'));
    const variables = Object.fromEntries(own.filter(([name]) => !without.includes(name)));
    const certificate = { NODE_EXTRA_CA_CERTS: join(this.#own.dataDir, 'tls', 'cert.pem') };
    const place: Place = {
      mode,
      endpoint: `https://${this.variable('servicestage_endpoint')}`,
      region: findPlatform(this.#own.dataDir).region,
      ak: this.variable('AK'),
      sk: this.variable('SK'),
      projectId: this.variable('project_id'),
      ...changes,
    };
    return new Driver(argv, place, mode === 'environment' ? { ...certificate, ...variables } : certificate);
  }

  /** What the identity service gives to whoever has a token. */
  async temporaryKey(): Promise<{ access: string; secret: string; securitytoken: string }> {
    const id = this.variable('Token');
    const response = await fetch(`${this.variable('OPENSTAGE_URL')}/v3.0/OS-CREDENTIAL/securitytokens`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ auth: { identity: { methods: ['token'], token: { id } } } }),
    });
    const answer: unknown = await response.json();
    assert.equal(response.status, 201, JSON.stringify(answer));
    const credential = memberOf(answer, 'credential');
    const [access, secret, securitytoken] = ['access', 'secret', 'securitytoken'].map((name) =>
      textOf(credential, name),
    );
    assert.ok(access && secret && securitytoken);
    return { access, secret, securitytoken };
  }

  stop(): Promise<void> {
    return this.#own.stop();
  }
}

async function told(dataDir: string): Promise<Readonly<Record<string, string>>> {
  const { stdout } = await run(process.execPath, [resolve('bin/openstage.mjs'), 'env', '--json'], {
    env: { ...process.env, OPENSTAGE_DATA_DIR: dataDir },
  });
  const variables: unknown = JSON.parse(stdout);
  return Object.fromEntries(Object.entries(Object(variables)).map(([name, value]) => [name, String(value)]));
}

async function upload(variables: Readonly<Record<string, string>>, version: string): Promise<string> {
  const file = await packageFor('Nodejs8', { version });
  const url = `${variables['OPENSTAGE_URL']}/v1/${variables['project_id']}/packages/sample/${version}/${file.split('/').at(-1)}`;
  const response = await fetch(url, {
    method: 'PUT',
    headers: { 'X-Auth-Token': variables['Token'] ?? '', 'Content-Type': 'application/octet-stream' },
    body: new Uint8Array(await readFile(file)),
  });
  assert.equal(response.status, 200, await response.text());
  return url;
}
