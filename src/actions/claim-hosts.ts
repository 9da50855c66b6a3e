import { Problem } from '../domain/errors.ts';
import { accessHosts, splitAddress, type ReleaseContent } from '../domain/release.ts';
import { claimHosts as claim } from '../store/host-claims.ts';
import { isHostNameTaken } from '../store/instance-claims.ts';
import type { Instance } from '../store/instances.ts';
import type { Tx } from '../store/open.ts';

/** The hosts that a release names become the instance's own, or the request is refused: the first claimant has them. */
export async function claimHosts(tx: Tx, instance: Instance, content: ReleaseContent): Promise<void> {
  const hosts = accessHosts(content).filter((host) => splitAddress(host).host !== instance.hostName);
  const owners = await claim(tx, { instance: instance.id, project: instance.project, hosts });
  for (const host of hosts) {
    if (owners.get(host) === instance.id && !(await isHostNameTaken(tx, splitAddress(host).host))) continue;
    throw new Problem(
      'invalid',
      `external_accesses names ${host}, which another instance has; choose another address.`,
    );
  }
}
