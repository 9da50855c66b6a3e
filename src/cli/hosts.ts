import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { assertReplaceable, hostsOf, removeHost } from '../store/known-hosts.ts';
import { findHostId, findKey, keyFileOf, replaceHostId } from '../data-directory.ts';
import type { Settings } from '../settings.ts';
import { openStore, type Store } from '../store/open.ts';

/** What the database knows of hosts, and which of them this data directory is. */
export async function listAllHosts(settings: Settings): Promise<void> {
  const own = findHostId(settings.dataDir);
  await withStore(settings, { isAlone: false }, async (store) => {
    const hosts = await hostsOf(store);
    if (hosts.length === 0) console.log('The database knows no host yet; the first start makes one.');
    for (const { id, name, createTime, replicas } of hosts) {
      const since = new Date(createTime).toISOString().slice(0, 10);
      console.log(
        `${id}  ${name}  since ${since}  ${replicas} replicas${id === own ? '  (this data directory)' : ''}`,
      );
    }
  });
}

/** Makes this data directory the host of that id, whose machine is gone. */
export async function replaceHost(settings: Settings, id: string): Promise<void> {
  const keyFile = settings.keyFile ?? keyFileOf(settings.dataDir);
  const key = findKey(keyFile);
  if (!key)
    throw new Error(
      `There is no key file ${keyFile}; copy the one of host ${id} there, best with its admin-password, then try again.`,
    );
  await withStore(settings, { isAlone: true }, async (store) => {
    const host = await assertReplaceable(store, id, key.id);
    replaceHostId(settings.dataDir, host.id);
    console.log(
      `The data directory ${settings.dataDir} is host ${host.id} ("${host.name}") from now on; at the next start its instances are repaired here. ` +
        'The password of admin (admin-password), packages (artifacts) and builds come from a backup of its data directory: without one, the password stays what it was, and instances that need packages or builds are to be deployed again.',
    );
  });
}

export async function forgetHost(settings: Settings, id: string): Promise<void> {
  await withStore(settings, { isAlone: true }, async (store) => {
    await removeHost(store, id, findHostId(settings.dataDir));
    console.log(`Host ${id} is forgotten.`);
  });
}

/** Alone: refused while a platform runs on the database. */
async function withStore(
  { dataDir, databaseUrl }: Settings,
  { isAlone }: { readonly isAlone: boolean },
  work: (store: Store) => Promise<void>,
): Promise<void> {
  const store = await openStore({
    dataDir,
    log: { warn: () => {} },
    ...(databaseUrl !== undefined && { url: databaseUrl }),
    ...(isAlone && { place: { run: randomUUID(), hostName: `${hostname()} (openstage hosts)` } }),
  });
  try {
    await work(store);
  } finally {
    await store.close();
  }
}
