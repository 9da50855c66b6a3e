import type { KeyPair } from '../domain/access-key.ts';
import { seal, type Key } from '../domain/envelope.ts';
import { Problem } from '../domain/errors.ts';
import {
  applicationId,
  domainId,
  environmentId,
  projectId,
  userId,
  type HostId,
  type ProjectId,
  type UserId,
} from '../domain/ids.ts';
import { insertAccessKey } from '../store/access-keys.ts';
import { insertApplication } from '../store/applications.ts';
import { insertEnvironment } from '../store/environments.ts';
import { findFact, fixFact } from '../store/facts.ts';
import { upsertHost } from '../store/hosts.ts';
import type { Store, Tx } from '../store/open.ts';
import { findDomainByName, findProjectByName, insertDomain, insertProject } from '../store/projects.ts';
import { grantRole } from '../store/role-assignments.ts';
import { findUserByName, insertUser } from '../store/users.ts';
import { assertOwnDatabase } from '../store/known-hosts.ts';

export const DOMAIN = 'openstage';
export const ADMIN = 'admin';
/** The fact that the administrator was given an access key. */
const FIRST_KEY = 'first-access-key';

/** The ids that the vendor's own example names, so that its requests work as they are printed. */
const EXAMPLE = {
  environment: '6e763000-9128-4a9d-adea-34c42cc5344d',
  cluster: 'b6862a62-d916-11e9-bdf1-0255ac101fd9',
  loadBalancer: '8c0a45cc-626f-4d65-8257-507ee059aa9a',
} as const;

export interface Seed {
  readonly region: string;
  readonly host: { readonly id: HostId; readonly name: string };
  /** Asked for only where there is no administrator yet. */
  readonly adminPasswordHash: () => Promise<string>;
  /** Asked for only where the administrator was never given one. */
  readonly adminKey: () => KeyPair;
  readonly key: Key;
  readonly nonce: Buffer;
  readonly now: number;
  readonly newId: () => string;
}

/** What a fresh platform holds: domain, administrator, project, an application and an environment. Any number of times. */
export async function seedPlatform(
  store: Store,
  seed: Seed,
): Promise<{ readonly project: ProjectId; readonly admin: UserId }> {
  const passwordHash = (await hasAdmin(store)) ? undefined : await seed.adminPasswordHash();
  // Written to its file before its row: a key that is told always works, and one that was removed never comes back.
  const pair = (await findFact(store.read, FIRST_KEY)) === undefined ? seed.adminKey() : undefined;
  return store.write(async (tx) => {
    const region = await fixFact(tx, 'region', seed.region);
    if (region !== seed.region) {
      throw new Problem(
        'invalid',
        `OPENSTAGE_REGION is "${seed.region}", but this platform was first started as "${region}", which is fixed; set it to that.`,
      );
    }
    await assertOwnDatabase(tx, seed.host, seed.key.id);
    await upsertHost(tx, { ...seed.host, createTime: seed.now });
    const domain = await seedDomain(tx, seed);
    const existing = await findProjectByName(tx, domain, seed.region);
    const admin = await seedAdmin(tx, seed, domain, passwordHash);
    if (pair) await seedKey(tx, seed, admin, pair);
    if (existing) return { project: existing.id, admin };
    const project = projectId(bareId(seed));
    await insertProject(tx, { id: project, domain, name: seed.region, createTime: seed.now });
    await seedHome(tx, seed, project);
    return { project, admin };
  });
}

/** Users, projects and domains have 32 hex digits, as clients know them. */
const bareId = (seed: Seed) => seed.newId().replaceAll('-', '');

async function hasAdmin({ read }: Store): Promise<boolean> {
  const domain = await findDomainByName(read, DOMAIN);
  return domain !== undefined && (await findUserByName(read, domain.id, ADMIN)) !== undefined;
}

async function seedDomain(tx: Tx, seed: Seed) {
  const existing = await findDomainByName(tx, DOMAIN);
  if (existing) return existing.id;
  const id = domainId(bareId(seed));
  await insertDomain(tx, { id, name: DOMAIN });
  return id;
}

async function seedAdmin(
  tx: Tx,
  seed: Seed,
  domain: ReturnType<typeof domainId>,
  passwordHash: string | undefined,
): Promise<UserId> {
  const existing = await findUserByName(tx, domain, ADMIN);
  if (existing) return existing.id;
  if (passwordHash === undefined)
    throw new Error('The administrator was removed while the platform started; start it again.');
  const id = userId(bareId(seed));
  await insertUser(tx, { id, domain, name: ADMIN, passwordHash, isEnabled: true, createTime: seed.now });
  await grantRole(tx, id, { domain }, 'te_admin', seed.now);
  return id;
}

async function seedKey(tx: Tx, seed: Seed, user: UserId, { access, secret }: KeyPair): Promise<void> {
  // Another node may have been first.
  if ((await fixFact(tx, FIRST_KEY, access)) !== access) return;
  await insertAccessKey(tx, {
    access,
    user,
    secret: seal(seed.key, secret, seed.nonce),
    description: 'made at first start',
    isActive: true,
    createTime: seed.now,
  });
}

async function seedHome(tx: Tx, seed: Seed, project: ProjectId): Promise<void> {
  const common = { project, description: '', enterpriseProjectId: '0', creator: ADMIN, createTime: seed.now };
  await insertApplication(tx, { ...common, id: applicationId(seed.newId()), name: 'default' });
  await insertEnvironment(tx, {
    ...common,
    id: environmentId(EXAMPLE.environment),
    name: 'local',
    description: 'This machine: the cluster stands in on processes.',
    chargeMode: 'provided',
    deployMode: 'mixed',
    vpcId: 'local',
    baseResources: [
      { id: EXAMPLE.cluster, type: 'cce', name: 'stand-in on process' },
      { id: seed.host.id, type: 'ecs', name: seed.host.name },
    ],
    optionalResources: [{ id: EXAMPLE.loadBalancer, type: 'elb', name: 'ingress' }],
  });
}
