import { sql } from 'kysely';
import { splitAddress } from '../domain/release.ts';
import { instanceId, type InstanceId, type ProjectId } from '../domain/ids.ts';
import type { Db, Tx } from './open.ts';

/**
 * Claims hosts for an instance and answers who has each: this one, or whoever claimed it first. A claim ends with
 * the last release that names the host and serves, is asked for or may be rolled back to.
 */
export async function claimHosts(
  tx: Tx,
  claim: { readonly instance: InstanceId; readonly project: ProjectId; readonly hosts: readonly string[] },
): Promise<ReadonlyMap<string, InstanceId>> {
  const owners = new Map<string, InstanceId>();
  // In one order for all, so that two that claim the same hosts do not lock each other out.
  for (const host of [...new Set(claim.hosts)].sort()) owners.set(host, await claimHost(tx, host, claim));
  return owners;
}

async function claimHost(
  tx: Tx,
  host: string,
  { instance, project }: { readonly instance: InstanceId; readonly project: ProjectId },
): Promise<InstanceId> {
  const stranger = await strangerOn(tx, host, project);
  if (stranger !== undefined) return stranger;
  const held = await tx
    .selectFrom('claimed_hosts')
    .select('instance_id')
    .where('host', '=', host)
    .forUpdate()
    .executeTakeFirst();
  if (held?.instance_id === instance) return instance;
  if (held) {
    if (await isNamed(tx, host, instanceId(held.instance_id))) return instanceId(held.instance_id);
    await tx
      .updateTable('claimed_hosts')
      .set({ instance_id: instance, project_id: project })
      .where('host', '=', host)
      .execute();
    return instance;
  }
  await tx.insertInto('claimed_hosts').values({ host, instance_id: instance, project_id: project }).execute();
  return instance;
}

/** A host belongs to one project: paths of it are divided among that one's instances alone. */
async function strangerOn(tx: Tx, claim: string, project: ProjectId): Promise<InstanceId | undefined> {
  const others = (await claimsOn(tx, splitAddress(claim).host)).filter((other) => other.project !== project);
  for (const other of others) if (await isNamed(tx, other.claim, other.owner)) return other.owner;
  return undefined;
}

async function isNamed(db: Db, host: string, instance: InstanceId): Promise<boolean> {
  const row = await db
    .selectFrom('release_hosts')
    .innerJoin('releases', 'releases.id', 'release_hosts.release_id')
    .innerJoin('instances', 'instances.id', 'release_hosts.instance_id')
    .select(sql.lit(1).as('one'))
    .where('release_hosts.host', '=', host)
    .where('release_hosts.instance_id', '=', instance)
    .where('instances.delete_time', 'is', null)
    .where((eb) =>
      eb.or([eb('releases.kept', '=', 1), eb('releases.id', '=', eb.ref('instances.requested_release_id'))]),
    )
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

/** Whose host of an access this is, or a part of it; absent: nobody's, or nobody's any more. */
export async function findHostOwner(db: Db, host: string): Promise<InstanceId | undefined> {
  for (const claim of await claimsOn(db, host))
    if (await isNamed(db, claim.claim, claim.owner)) return claim.owner;
  return undefined;
}

async function claimsOn(db: Db, host: string) {
  const rows = await db
    .selectFrom('claimed_hosts')
    .selectAll()
    // All that begin with the host and a slash, as a range of the index: "0" is what follows "/".
    .where((eb) =>
      eb.or([eb('host', '=', host), eb.and([eb('host', '>=', `${host}/`), eb('host', '<', `${host}0`)])]),
    )
    .execute();
  return rows
    .filter((row) => splitAddress(row.host).host === host)
    .map((row) => ({ claim: row.host, owner: instanceId(row.instance_id), project: row.project_id }));
}
