import { Problem } from './errors.ts';
import type { ProjectId } from './ids.ts';
import type { Artifact } from './release.ts';

/** A file in the platform's own package repository. */
export interface PackageAddress {
  readonly name: string;
  readonly version: string;
  readonly file: string;
}

const PATH = /^\/v1\/([^/]+)\/packages\/([^/]+)\/([^/]+)\/([^/]+)$/;

/**
 * The package that a URL names, where it is one of this project's. The path alone tells: listeners may move to other
 * ports and names, a project's id is nobody else's.
 */
export function packageAddress(url: string, project: ProjectId): PackageAddress | undefined {
  if (!URL.canParse(url)) return undefined;
  const [, owner, ...parts] = PATH.exec(new URL(url).pathname) ?? [];
  if (owner !== project) return undefined;
  const [name = '', version = '', file = ''] = parts.map(decoded);
  return name && version && file ? { name, version, file } : undefined;
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return '';
  }
}

/**
 * Where a package is fetched from. What lies in a bucket is named by `obs://bucket/key` and the properties
 * {endpoint, bucket, key}, and is read over https in path style: endpoint/bucket/key.
 */
export function fetchAddress({ url, properties }: Pick<Artifact, 'url' | 'properties'>): string {
  if (!/^obs:\/\//i.test(url)) return url;
  const [, named = '', path = ''] = /^obs:\/\/([^/]*)\/?(.*)$/is.exec(url) ?? [];
  const endpoint = textOf(properties, 'endpoint');
  const bucket = textOf(properties, 'bucket') || named;
  const key = textOf(properties, 'key') || path;
  const base = /^https?:\/\//i.test(endpoint) ? endpoint : `https://${endpoint}`;
  if (endpoint === '' || bucket === '' || key === '' || !URL.canParse(base)) {
    throw new Problem(
      'invalid',
      `The package ${JSON.stringify(url.slice(0, 200))} lies in a bucket, whose address is not complete; expected properties {endpoint, bucket, key}, such as {"endpoint": "https://obs.example.org", "bucket": "packages", "key": "shop/cart.jar"}.`,
    );
  }
  const segments = [bucket, ...key.replace(/^\/+/, '').split('/')].map(encodeURIComponent);
  return `${base.replace(/\/+$/, '')}/${segments.join('/')}`;
}

function textOf(properties: Artifact['properties'], name: string): string {
  const value = properties?.[name];
  return typeof value === 'string' ? value.trim() : '';
}

/** Packages are fetched over the network alone; the address as such is looked at closely when they are. */
export function assertFetched({ url }: Pick<Artifact, 'url'>, field: string): void {
  if (/^\s*(https?|obs):\/\//i.test(url)) return;
  throw new Problem(
    'invalid',
    `Field "${field}.url" is ${JSON.stringify(url.slice(0, 200))}; expected an address that begins with http://, https:// or obs://: upload a file of your own with PUT to /v1/{project_id}/packages/{name}/{version}/{file} and send that address.`,
  );
}

/** An address is kept and shown as it was sent, so that no credential may be in it; `field` names what holds it. */
export function assertNoCredential(
  { url, properties }: Pick<Artifact, 'url' | 'properties'>,
  field: string,
): void {
  const endpoint = textOf(properties, 'endpoint');
  for (const [name, text] of [
    ['url', url.trim()],
    ['properties.endpoint', endpoint === '' || endpoint.includes('://') ? endpoint : `https://${endpoint}`],
  ] as const) {
    const { username = '', password = '' } = URL.canParse(text) ? new URL(text) : {};
    if (username === '' && password === '') continue;
    throw new Problem(
      'invalid',
      `Field "${field}.${name}" holds a user name or password; take it out, and upload the package to the package repository if its place asks for one.`,
    );
  }
}
