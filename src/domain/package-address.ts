import type { ProjectId } from './ids.ts';

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
