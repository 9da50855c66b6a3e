import { assertGit } from '../builds/git.ts';
import { fetchAddress } from '../domain/package-address.ts';
import { Problem } from '../domain/errors.ts';
import { grantedRoot } from '../domain/grants.ts';
import { accessHosts, isCode, splitAddress } from '../domain/release.ts';
import type { Rollout } from '../domain/rollout.ts';
import type { Task } from '../jobs/kind.ts';
import type { Instance } from '../store/instances.ts';
import { findProject } from '../store/projects.ts';
import { loadInstance, loadRelease, loadRollout, loadRuntime, placementOf } from './load-rollout.ts';
import type { Parts } from './parts.ts';
import { volumesOf } from './rollout-content.ts';

/** What only the machine can tell, before anything changes: can the driver be reached, is the runtime there, is there room. */
export const checkTarget: Task<Parts> = {
  name: 'check-target',
  async run(context) {
    const { plan, parts, progress } = context;
    const instance = await loadInstance(parts, plan.instance);
    const driver = parts.driver(instance.driver);
    progress(`runs on the driver "${driver.name}"`);
    await driver.observe(instance.id);
    if (!plan.next) return;
    const release = await loadRelease(parts, instance, plan.next.rollout);
    if (accessHosts(release.content).some((claim) => splitAddress(claim).path !== '')) {
      const why = await parts.ingress.whyNoPrefixes();
      if (why !== undefined)
        throw new Problem('targetUnavailable', `external_accesses names a path, but ${why}.`);
    }
    const { volumes } = volumesOf(release.content);
    await checkGranted(parts, instance, volumes);
    const placement = await placementOf(parts, instance, plan.hosts);
    const [lack] = await driver.checkVolumes({ placement, ...(volumes && { volumes }) });
    if (lack) throw lack;
    if (release.launch) {
      const [problem] = await driver.check(
        await loadRollout(context, instance, plan.next.rollout, plan.hosts),
        plan.replicas,
      );
      if (problem) throw problem;
      return;
    }
    const { source } = release.content;
    if (isCode(source)) {
      await assertGit();
      await parts.builds.assertFree(parts.sources.settings.limits.freeBytes);
    }
    await parts.locator.find(
      await loadRuntime(parts, instance),
      isCode(source) ? undefined : fileNameIn(fetchAddress(source)),
    );
  },
};

/** The operator may have taken back what was granted when the release was made. */
async function checkGranted(
  { store, grants }: Parts,
  instance: Instance,
  volumes: Rollout['volumes'] = [],
): Promise<void> {
  if (volumes.length === 0) return;
  const project = (await findProject(store.read, instance.project))?.name ?? '';
  const taken = volumes.find(
    (volume) => volume.kind === 'host' && grantedRoot(grants, project, volume.path) === undefined,
  );
  if (taken?.kind !== 'host') return;
  throw new Problem(
    'targetUnavailable',
    `The release mounts ${taken.path} of this host, which the operator no longer allows to this project ` +
      '(OPENSTAGE_HOST_PATHS); have it added there, or change storage and logs.',
  );
}

/** What the address says; a server may call the file otherwise, which building looks at again. */
function fileNameIn(url: string): string | undefined {
  const name = URL.canParse(url) ? new URL(url).pathname.split('/').at(-1) : undefined;
  return name !== undefined && name.includes('.') ? name : undefined;
}
