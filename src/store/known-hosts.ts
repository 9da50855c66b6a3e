import { Problem } from '../domain/errors.ts';
import { hostId, type HostId } from '../domain/ids.ts';
import { findFact, fixFact } from './facts.ts';
import { countReplicasByHost, deleteHost, listHosts, type Host } from './hosts.ts';
import type { Store, Tx } from './open.ts';

/** The fact that names the key which seals what the database holds. */
const KEY = 'key';

/**
 * Refuses a data directory that is new to a database with a host already: until several hosts are supported, nothing
 * that the other one ran would run here, and each would undo what the other does.
 */
export async function assertOwnDatabase(tx: Tx, own: Pick<Host, 'id'>, keyId: string): Promise<void> {
  const hosts = await listHosts(tx);
  const [other] = hosts;
  if (other && !hosts.some(({ id }) => id === own.id)) {
    throw new Problem(
      'invalid',
      `This data directory is new to the database, which belongs to host ${other.id} ("${other.name}"); a database has one host. ` +
        'If that host is gone for good, take its place: copy its key file into this data directory, run "openstage hosts replace ' +
        `${other.id}" with the same settings, and start again. Otherwise name another database.`,
    );
  }
  await assertKey(tx, keyId);
}

async function assertKey(tx: Tx, keyId: string): Promise<void> {
  const known = await fixFact(tx, KEY, keyId);
  if (known === keyId) return;
  throw new Problem(
    'invalid',
    `The key file holds key ${keyId}, but what this database holds is sealed with key ${known}; put that key file in its place.`,
  );
}

export interface HostView extends Host {
  /** As they were last seen. */
  readonly replicas: number;
}

export async function hostsOf({ read }: Store): Promise<readonly HostView[]> {
  const counts = await countReplicasByHost(read);
  return (await listHosts(read)).map((host) => ({ ...host, replicas: counts.get(host.id) ?? 0 }));
}

/** Throws where this key and that host do not belong to the database. */
export async function assertReplaceable(store: Store, id: string, keyId: string): Promise<HostView> {
  const known = await findFact(store.read, KEY);
  const host = await hostOf(store, id);
  if (known === undefined || known === keyId) return host;
  throw new Problem(
    'invalid',
    `The key file here holds key ${keyId}, but what the database holds is sealed with key ${known}; copy the key file of host ${id} here first.`,
  );
}

/** Forgets a host that runs nothing. */
export async function removeHost(store: Store, id: string, own: HostId | undefined): Promise<void> {
  const host = await hostOf(store, id);
  if (host.id === own)
    throw new Problem('invalid', `Host ${id} is this data directory's own and cannot be removed from here.`);
  if (host.replicas > 0) {
    throw new Problem(
      'invalid',
      `Host ${id} has replicas (${host.replicas}) on record; take its place with "openstage hosts replace ${id}", or delete their instances first.`,
    );
  }
  await store.write((tx) => deleteHost(tx, host.id));
}

async function hostOf(store: Store, id: string): Promise<HostView> {
  const found = (await hostsOf(store)).find((host) => host.id === hostId(id));
  if (found) return found;
  throw new Problem('invalid', `There is no host ${id}; "openstage hosts" lists those there are.`);
}
