import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { isIP } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { ArtifactStore } from '../../src/artifacts/artifact-store.ts';
import type { Resolve } from '../../src/connections/destination.ts';
import { fetchArtifact } from '../../src/artifacts/fetch.ts';
import type { FetchOptions } from '../../src/artifacts/fetch.ts';
import { parseFetchAllow } from '../../src/connections/fetch-allow.ts';
import { Problem } from '../../src/domain/errors.ts';
import type { Code } from '../../src/domain/errors.ts';
import { digest } from '../../src/domain/ids.ts';
import { names, ownAddress } from './forbidden-urls.ts';

export const sha256 = (bytes: Buffer | string) => digest(createHash('sha256').update(bytes).digest('hex'));
const never = new AbortController().signal;

export const addresses = (found: readonly string[]) =>
  found.map((address) => ({ address, family: isIP(address) }));

const resolve: Resolve = async (host) => {
  const found = names[host];
  if (!found) throw Object.assign(new Error(`getaddrinfo ENOTFOUND ${host}`), { code: 'ENOTFOUND' });
  return addresses(found);
};

export async function aFetcher(
  t: TestContext,
  more: Partial<FetchOptions> & { readonly permit?: string } = {},
) {
  const dataDir = await mkdtemp(join(tmpdir(), 'openstage-fetch-'));
  t.after(() => rm(dataDir, { recursive: true, force: true }));
  const store = new ArtifactStore(dataDir);
  const { permit = '', ...options } = more;
  const fetch = (url: string) =>
    fetchArtifact(url, {
      store,
      allow: parseFetchAllow(permit),
      signal: never,
      resolve,
      own: () => [ownAddress],
      ...options,
    });
  const files = async () => {
    const found = await readdir(dataDir, { recursive: true, withFileTypes: true });
    return found.filter((entry) => entry.isFile()).map((entry) => entry.name);
  };
  return { store, fetch, files };
}

export const problem =
  (code: Code | readonly Code[], pattern = /./) =>
  (error: unknown) => {
    assert.ok(error instanceof Problem, `not a Problem: ${String(error)}`);
    assert.ok([code].flat().includes(error.code), `${error.code}: ${error.message}`);
    assert.match(error.message, pattern);
    return true;
  };

/** What a task tries again. */
export const passing = (pattern: RegExp) => (error: unknown) => {
  assert.ok(error instanceof Error && !(error instanceof Problem), String(error));
  assert.match(error.message, pattern);
  return true;
};

export const send = (bytes: Buffer | string) => (_: unknown, response: ServerResponse) =>
  void response.end(bytes);
export const redirect =
  (location: string, status = 302) =>
  (_: unknown, response: ServerResponse) =>
    void response.writeHead(status, { location }).end();
