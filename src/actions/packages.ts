import { assertWithin } from '../domain/quota.ts';
import { Problem } from '../domain/errors.ts';
import type { Digest } from '../domain/ids.ts';
import type { PackageAddress } from '../domain/package-address.ts';
import { recordArtifact } from '../store/artifacts.ts';
import type { Db } from '../store/open.ts';
import { deletePackage, findPackage, putPackage, type Package } from '../store/packages.ts';
import { holdQuotas, sumPackages } from '../store/reservations.ts';
import type { Caller, Services } from './caller.ts';

const unknown = ({ name, version, file }: PackageAddress) =>
  new Problem(
    'packageUnknown',
    `The package ${name}/${version}/${file} is not in the repository; upload it with PUT first.`,
  );

export async function packageOf(db: Db, caller: Caller, address: PackageAddress): Promise<Package> {
  const found = await findPackage(db, caller.project, address);
  if (!found) throw unknown(address);
  return found;
}

/** Names a file that is kept already. A name may be given other content; what is deployed is known by digest. */
export async function publishPackage(
  services: Services,
  caller: Caller,
  address: PackageAddress,
  content: { readonly digest: Digest; readonly size: number },
): Promise<void> {
  const time = services.now();
  await services.store.write(async (tx) => {
    if (services.admission) {
      await holdQuotas(tx);
      const replaced = (await findPackage(tx, caller.project, address))?.size ?? 0;
      const used = (await sumPackages(tx, caller.project)) - replaced;
      assertWithin(services.admission.quotas, 'packageBytes', used, content.size);
    }
    await recordArtifact(tx, { ...content, time });
    await putPackage(tx, { ...address, ...content, project: caller.project, creator: caller.userName, time });
  });
}

/** Its content goes once no release names it. */
export async function removePackage(
  services: Services,
  caller: Caller,
  address: PackageAddress,
): Promise<void> {
  await services.store.write(async (tx) => {
    if (!(await deletePackage(tx, caller.project, address))) throw unknown(address);
  });
}
