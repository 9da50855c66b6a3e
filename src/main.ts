import { randomBytes, randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import type { Logger } from 'pino';
import { readAdmission } from './admission-settings.ts';
import { reserveRunning } from './actions/admission.ts';
import type { Services } from './actions/caller.ts';
import { kinds } from './actions/kinds.ts';
import { seedPlatform } from './actions/seed-platform.ts';
import { claimAppUsers, describeAppUsers, formatRange, type AppUsers, type Range } from './app-users.ts';
import { createApi } from './api/server.ts';
import { ArtifactStore } from './artifacts/artifact-store.ts';
import { parseFetchAllow } from './connections/fetch-allow.ts';
import { BuildStore } from './builds/build-store.ts';
import { MOST_ENTRIES } from './builds/disk-watch.ts';
import { SourceBuilds } from './builds/source-builds.ts';
import { Steps } from './builds/steps.ts';
import {
  databaseFileOf,
  openDataDirectory,
  refuseLostDatabase,
  type DataDirectory,
} from './data-directory.ts';
import { NOTHING_UNFENCED, describeFences, type HostFenceSeen, type Unfenced } from './domain/fences.ts';
import { DiskBudget } from './domain/disk-budget.ts';
import { readHostPaths, type Grants } from './domain/grants.ts';
import type { DriverName, Resource } from './domain/resource.ts';
import { LookClock } from './domain/look.ts';
import { isWithin } from './domain/volume.ts';
import { openProcessDriver } from './drivers/process/driver.ts';
import { hashPassword } from './iam/passwords.ts';
import type { GitParts } from './git/parts.ts';
import { endIngress, openIngress } from './ingress/ingress.ts';
import { systemClock } from './jobs/clock.ts';
import { crashAt } from './jobs/crash-points.ts';
import { createEngine } from './jobs/engine.ts';
import { randomJobIds } from './jobs/open-job.ts';
import { runtimes } from './runtimes/all.ts';
import { createLocator, type Locator } from './runtimes/locate.ts';
import { keepNode, removeOldNodes } from './runtimes/own-node.ts';
import { openPlatformLog } from './platform-log.ts';
import { SettingError, type Settings } from './settings.ts';
import { isNamedByLaunch } from './store/artifacts.ts';
import { listUsersOfBuilds } from './store/artifacts.ts';
import { listHosts } from './store/hosts.ts';
import { openStore } from './store/open.ts';
import { lastMoment } from './store/observations.ts';
import type { Parts } from './tasks/parts.ts';
import { RoutePublisher } from './tasks/publish-routes.ts';
import { Collector } from './reconcile/collector.ts';
import { diskNeeded, proxyNeeded, Readiness, storeNeeded, supervisorNeeded } from './readiness.ts';
import { makeRoom } from './reconcile/make-room.ts';
import { PushFollower } from './reconcile/push-follower.ts';
import { Reconciler } from './reconcile/reconciler.ts';

export interface Platform {
  /** What the host has of each fence. */
  readonly fences: readonly HostFenceSeen[];
  /** Which numeric users applications are, where there is something to say of it. */
  readonly appUsers: string | undefined;
  readonly httpUrl: string;
  readonly httpsHost: string;
  readonly ingressUrl: string;
  readonly data: DataDirectory;
  /** Applications go on running, unless the platform is ephemeral. */
  stop(): Promise<void>;
}

export const version: string = JSON.parse(
  readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
).version;

/** What only the code of a test can ask for. */
export interface TestOptions {
  readonly unfenced: Unfenced;
}

/** Puts the parts together; the only place that knows them all. Throws, in a sentence, where it cannot start. */
export async function startPlatform(
  settings: Settings,
  log: Logger = openPlatformLog(settings).log,
  { unfenced }: TestOptions = { unfenced: NOTHING_UNFENCED },
): Promise<Platform> {
  const data = await openDataDirectory(settings.dataDir, settings.keyFile);
  const isRoot = process.getuid?.() === 0;
  const claimed = isRoot ? claimUsers(settings, data, log) : undefined;
  const users = claimed && usersOf(claimed.range);
  const { databaseUrl } = settings;
  if (databaseUrl === undefined) refuseLostFile(data);
  const store = await openStore({
    dataDir: data.path,
    log,
    place: { run: randomUUID(), hostName: data.host.name },
    ...(databaseUrl !== undefined && { url: databaseUrl }),
  });
  if ((await listHosts(store.read)).length === 0) {
    try {
      refuseLostDatabase(data.path, 'The database is empty');
    } catch (error) {
      await store.close();
      data.release();
      throw error;
    }
  }
  await seedPlatform(store, {
    region: settings.region,
    host: data.host,
    adminPasswordHash: () => hashPassword(data.adminPassword()),
    adminKey: () => data.adminKey(),
    key: data.key,
    nonce: randomBytes(12),
    now: Date.now(),
    newId: randomUUID,
  });
  await reserveRunning(store);
  const node = keepNode(data.path);
  await removeOldNodes(data.path, (end) => isNamedByLaunch(store.read, end), log);
  const driver = await openProcessDriver({
    dataDir: data.path,
    keyFile: data.keyFile,
    ports: settings.appPorts,
    host: data.host.id,
    node,
    log,
    unfenced,
    disk: { mib: settings.appDiskMiB, files: settings.appFiles },
  });
  const ingress = await openIngress({
    dataDir: data.path,
    bind: settings.bind,
    port: settings.ingressPort,
    node,
    log,
    ...(users && process.platform === 'linux' && { user: users.proxy }),
    unfenced,
  });
  const looks = new LookClock(await lastMoment(store.read));
  const routes = new RoutePublisher(store, ingress);
  const budget = new DiskBudget(settings.keptMiB * MIB);
  const artifacts = new ArtifactStore(data.path, { budget });
  const isUnfenced = unfenced.has('confined-steps');
  const steps = new Steps({ dataDir: data.path, isUnfenced, ...(users && { users: users.steps }) });
  const builds = new BuildStore(data.path, {
    isMaker: steps.isMaker,
    warn: (fields, message) => log.warn(fields, message),
    budget,
  });
  await Promise.all([artifacts.removeLeftovers(), builds.removeLeftovers(), steps.removeLeftovers()]);
  const stepFences = await steps.fences();
  if (stepFences.some(({ lack }) => lack !== undefined))
    log.warn({ fences: stepFences }, `Of build steps: ${describeFences(stepFences).join('. ')}`);
  for (const { size } of await artifacts.list()) budget.count(size);
  for (const { bytes } of await builds.measure()) budget.count(bytes);
  budget.onFull((bytes) => makeRoom({ store, artifacts, builds, budget, now: Date.now, log }, bytes));
  await builds.closeFormer(await listUsersOfBuilds(store.read));
  const locator = createLocator({
    overrides: settings.runtimeOverrides,
    path: settings.searchPath,
    dataDir: data.path,
    areAppsOtherUsers: isRoot,
  });

  const git: GitParts = {
    store,
    key: data.key,
    now: Date.now,
    newNonce: () => randomBytes(12),
    reach: { allow: parseFetchAllow(settings.fetchAllow) },
    hosts: settings.git,
  };
  const grants = readGrants(settings, data);
  const parts: Parts = {
    store,
    git,
    driver: () => driver,
    looks,
    ingress,
    routes,
    artifacts,
    builds,
    steps,
    stepLimits: {
      memoryBytes: settings.buildMemoryMiB * MIB,
      disk: { bytes: settings.buildDiskMiB * MIB, entries: MOST_ENTRIES, freeBytes: 0 },
    },
    sources: openSourceBuilds(settings),
    fetchAllow: git.reach.allow,
    locator,
    grants,
    buildVariables: settings.buildVariables,
    now: Date.now,
    limits: {
      readinessTimeoutMs: settings.readinessTimeout,
      stopGraceMs: settings.stopGrace,
      drainTimeoutMs: settings.drainTimeout,
      maxPackageBytes: settings.maxPackageMiB * 1024 ** 2,
      keepReleases: settings.keepReleases,
    },
  };
  const engine = createEngine<Parts>({
    store,
    clock: systemClock,
    node: data.host.id,
    run: randomUUID(),
    kinds,
    parts,
    log,
    limits: { forwardMs: settings.jobDeadline, undoMs: settings.undoDeadline },
    crashPoint: crashAt(settings.crashAt),
    ended: (instance) => reconciler.add(instance),
  });
  const services: Services = {
    store,
    key: data.key,
    now: Date.now,
    newId: randomUUID,
    newNonce: () => randomBytes(12),
    wake: () => engine.wake(),
    jobIds: randomJobIds,
    driverOf: (resource) => driverOf(settings, resource),
    grants,
    admission: readAdmission(settings),
    ...(users && { appUsers: users.applications }),
  };
  const reconciler = new Reconciler({ services, driver, looks, routes, clock: systemClock, log });
  const pushes = new PushFollower({ services, clock: systemClock, log });
  const collector = new Collector({
    store,
    artifacts,
    builds,
    clock: systemClock,
    now: Date.now,
    keepHistoryMs: settings.keepHistory,
    log,
  });
  const disk = diskNeeded(data.path);
  const room = new Readiness([disk]);
  const readiness = new Readiness([
    storeNeeded(store),
    supervisorNeeded(() => driver.reach()),
    proxyNeeded(() => ingress.inFlight()),
    disk,
  ]);
  const api = await createApi({
    services,
    artifacts,
    git,
    followPushes: () => pushes.wake(),
    runtimes: () => describeRuntimes(locator),
    notReady: () => readiness.lacking(),
    whyNoRoom: () => room.lacking(),
    fences: () => [...driver.fences(), ...stepFences],
    bind: settings.bind,
    httpPort: settings.httpPort,
    httpsPort: settings.httpsPort,
    tls: data.tls,
    ingressPort: () => ingress.address().port,
    region: settings.region,
    version,
    maxPackageBytes: parts.limits.maxPackageBytes,
    log,
  });
  engine.start();
  reconciler.start();
  pushes.start();
  collector.start();
  const listening = await api.listen();

  const addresses = {
    httpUrl: `http://${settings.bind}:${listening.httpPort}`,
    httpsHost: `${settings.bind}:${listening.httpsPort}`,
    ingressUrl: `http://${settings.bind}:${ingress.address().port}`,
  };
  data.writeAddresses({ ...addresses, pid: process.pid, region: settings.region });

  return {
    ...addresses,
    data,
    fences: [...driver.fences(), ...stepFences],
    appUsers: claimed && describeAppUsers(claimed),
    async stop() {
      await api.close();
      await reconciler.stop();
      await pushes.stop();
      await collector.stop();
      await engine.stop();
      if (settings.ephemeral) {
        await driver.shutdown({ applications: 'stop' });
        await ingress.shutdown();
      }
      driver.close();
      ingress.close();
      await store.close();
      data.release();
    },
  };
}

/** Ends supervisor, applications and ingress of a data directory whose platform does not run. */
export async function stopLeftRunning(
  settings: Settings,
  log: Logger = openPlatformLog(settings).log,
): Promise<void> {
  const data = await openDataDirectory(settings.dataDir, settings.keyFile);
  const node = keepNode(data.path);
  const driver = await openProcessDriver({
    dataDir: data.path,
    keyFile: data.keyFile,
    ports: settings.appPorts,
    host: data.host.id,
    node,
    log,
    toEnd: true,
  });
  await driver.shutdown({ applications: 'stop' });
  driver.close();
  await endIngress(data.path);
  data.release();
}

/** Before the store is opened, which would make a new one in its place. */
function refuseLostFile(data: DataDirectory): void {
  const file = databaseFileOf(data.path);
  if (existsSync(file)) return;
  try {
    refuseLostDatabase(data.path, `There is no database ${file}`);
  } catch (error) {
    data.release();
    throw error;
  }
}

function claimUsers({ appUsers }: Settings, data: DataDirectory, log: Logger): AppUsers {
  try {
    const claimed = claimAppUsers({ dataDir: data.path, host: data.host.id, given: appUsers });
    if (claimed.note !== undefined)
      log.warn({ range: formatRange(claimed.range) }, `Of users: ${claimed.note}`);
    return claimed;
  } catch (error) {
    data.release();
    throw error;
  }
}

/** As many as steps can run at once, and some that rest. */
const STEP_USERS = 48;

/** Who is who in the range of numeric users: the first is the ingress proxy, the last ones are for steps of builds. */
function usersOf({ low, high }: Range) {
  const first = high - STEP_USERS + 1;
  return { proxy: low, steps: { low: first, high }, applications: { low: low + 1, high: first - 1 } };
}

const MIB = 1024 ** 2;

function openSourceBuilds(settings: Settings): SourceBuilds {
  const { SSL_CERT_FILE, CURL_CA_BUNDLE } = settings.buildVariables;
  const caFile = SSL_CERT_FILE ?? CURL_CA_BUNDLE;
  return new SourceBuilds({
    limits: {
      timeMs: settings.buildTime,
      memoryBytes: settings.buildMemoryMiB * MIB,
      diskBytes: settings.buildDiskMiB * MIB,
      freeBytes: settings.buildFreeMiB * MIB,
    },
    slots: settings.buildSlots,
    ...(caFile !== undefined && { caFile }),
  });
}

/** Read at start: a host path that holds the platform's own files would give every secret away. */
function readGrants({ hostPaths, region, connections }: Settings, data: DataDirectory): Grants {
  const granted = readHostPaths(hostPaths, region);
  for (const { dir } of granted) {
    const own = [data.path, data.keyFile].find((path) => isWithin(path, dir) || isWithin(dir, path));
    if (own === undefined) continue;
    throw new SettingError(
      `OPENSTAGE_HOST_PATHS names ${dir}, which holds or lies in the platform's own ${own}; name directories apart from it.`,
    );
  }
  return {
    hostPaths: granted,
    connections,
    mayMount: process.platform === 'linux' && process.getuid?.() === 0,
    dataDir: data.path,
  };
}

function driverOf({ resources }: Settings, { type, id }: Pick<Resource, 'type' | 'id'>): DriverName {
  // Until a container driver exists, every type that runs something stands in on processes.
  const named = resources[`${type}/${id}`] ?? resources[type] ?? 'process';
  if (named !== 'process')
    throw new Error(`The settings name the driver "${named}" for ${type} ${id}; there is "process".`);
  return named;
}

async function describeRuntimes(locator: Locator) {
  return Promise.all(
    runtimes.map(async (runtime) => ({
      typeName: runtime.name,
      displayName: runtime.displayName,
      containerDefaultPort: runtime.defaultPort,
      typeDesc: await locator.describe(runtime),
    })),
  );
}
