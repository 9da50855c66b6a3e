import { posix } from 'node:path';
import { Problem } from '../domain/errors.ts';
import { grantedRoot, type Grants } from '../domain/grants.ts';
import type { VolumeRequest } from '../domain/request.ts';
import { isAbsolute, isWithin, neededDirs, type Mount, type Volume } from '../domain/volume.ts';

/** Volumes as a release keeps them, or a Problem that says what cannot be had and why. */
export function planVolumes(
  grants: Grants,
  project: string,
  requests: readonly VolumeRequest[],
): readonly Volume[] {
  return requests.map((request, index) => {
    const place = `configuration.storage[${index}]`;
    const mounts = request.mounts.map((mount, at) => planMount(grants, mount, `${place}.mounts[${at}]`));
    if (mounts.length === 0)
      throw refused(`${place}.mounts`, 'is missing', 'expected at least one {path, readOnly, subPath}');
    if (request.kind === 'host')
      return { ...hostDirectory(grants, project, request.path, `${place}.parameters.path`), mounts };
    if (request.inMemory) assertInMemory(mounts, place);
    return { kind: 'empty', inMemory: request.inMemory, mounts };
  });
}

export const refused = (field: string, what: string, todo: string): Problem =>
  new Problem('invalid', `Field "${field}" ${what}; ${todo}.`);

/** What the operator allows of the host, or a Problem about the field. */
export function hostDirectory(grants: Grants, project: string, sent: string, field: string) {
  if (!isAbsolute(sent) || leadsUp(sent))
    throw refused(field, `is "${sent}"`, 'expected an absolute directory without ".."');
  const path = plain(sent);
  const root = grantedRoot(grants, project, path);
  if (root === undefined) {
    throw refused(
      field,
      `is "${sent}", which lies in no directory that the operator allows to this project`,
      'name one below those of the setting OPENSTAGE_HOST_PATHS, or have it added there',
    );
  }
  return { kind: 'host', path, root } as const;
}

function planMount(grants: Grants, { path: sent, readOnly, subPath }: Mount, place: string): Mount {
  const path = planMountPath(grants, sent, `${place}.path`);
  if (!isAbsolute(path) && readOnly) {
    throw refused(
      `${place}.readOnly`,
      'is true for a path below HOME, which is a link and cannot be read-only',
      grants.mayMount ? 'mount at an absolute path' : 'send false',
    );
  }
  if (subPath !== undefined && (isAbsolute(subPath) || leadsUp(subPath)))
    throw refused(`${place}.subPath`, `is "${subPath}"`, 'expected a relative path without ".."');
  const part = subPath === undefined ? WHOLE : plain(subPath);
  return { path, readOnly, ...(part !== WHOLE && { subPath: part }) };
}

/** Where the application is to see something, or a Problem about the field. */
export function planMountPath(grants: Grants, sent: string, field: string): string {
  const path = plain(sent);
  if (leadsUp(sent) || path === WHOLE)
    throw refused(
      field,
      `is "${sent}"`,
      'expected a path without "..", of a directory that is not HOME itself',
    );
  if (isAbsolute(path)) assertMountable(grants, path, field);
  return path;
}

function assertMountable({ mayMount, dataDir }: Grants, path: string, field: string): void {
  if (!mayMount) {
    throw refused(
      field,
      `is "${path}": a process sees an absolute path of its own only where the platform runs as root on Linux, which it does not`,
      'send a relative path, which is found below the HOME of the application, or run the platform as root',
    );
  }
  const covered = neededDirs(dataDir).find((dir) => isWithin(path, dir) || isWithin(dir, path));
  if (covered === undefined) return;
  throw refused(
    field,
    `is "${path}", which the system or the platform needs (${covered})`,
    'mount somewhere else, such as below /srv, /data or /opt',
  );
}

/** Of storage and logs together, also of those that an earlier request set. */
export function assertApart(volumes: readonly Volume[]): void {
  const paths = volumes.flatMap(({ mounts }) => mounts.map(({ path }) => path));
  for (const [index, path] of paths.entries()) {
    const other = paths.slice(0, index).find((each) => isWithin(path, each) || isWithin(each, path));
    if (other === undefined) continue;
    throw refused(
      volumes.some(({ logs }) => logs)
        ? 'configuration.storage" with "configuration.logs'
        : 'configuration.storage',
      `mounts "${path}" and "${other}", one in the other`,
      'mount them apart',
    );
  }
}

function assertInMemory(mounts: readonly Mount[], place: string): void {
  const [first, ...more] = mounts;
  if (more.length === 0 && first && isAbsolute(first.path) && first.subPath === undefined && !first.readOnly)
    return;
  throw refused(
    `${place}.mounts`,
    'does not fit medium "memory", which is one file system of its own at one absolute path',
    'send one mount without subPath that is not readOnly, or leave medium out',
  );
}

/** What "./" and the like are in plain. */
const WHOLE = '.';

/** "./store//01/" is "store/01". */
const plain = (path: string): string => posix.normalize(path).replace(/(?<=.)\/$/, '');

/** Upwards, even where the text would come back down: with links that is another place. */
const leadsUp = (path: string): boolean =>
  path.split('/').includes('..') || /\p{Cc}/u.test(path) || path === '';
