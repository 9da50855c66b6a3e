import { Problem } from '../domain/errors.ts';
import type { ProjectId } from '../domain/ids.ts';
import { packageAddress } from '../domain/package-address.ts';
import type { Artifact } from '../domain/release.ts';
import type { Tx } from '../store/open.ts';
import { findPackage } from '../store/packages.ts';

/** What the records tell is refused at the request: a package of our own that is not there. */
export async function assertPackageExists(tx: Tx, project: ProjectId, { url }: Artifact): Promise<void> {
  const address = packageAddress(url, project);
  if (address && !(await findPackage(tx, project, address))) {
    throw new Problem(
      'noArtifact',
      `The package ${address.name}/${address.version}/${address.file} is not in the repository; upload it with PUT to ${url} first.`,
    );
  }
}
