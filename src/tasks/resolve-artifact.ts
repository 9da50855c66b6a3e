import { fetchArtifact } from '../artifacts/fetch.ts';
import { Problem } from '../domain/errors.ts';
import { fetchAddress, packageAddress } from '../domain/package-address.ts';
import { isCode } from '../domain/release.ts';
import type { Task } from '../jobs/kind.ts';
import { recordArtifact } from '../store/artifacts.ts';
import { findPackage } from '../store/packages.ts';
import { updateRelease } from '../store/releases.ts';
import { buildSource } from './build-source.ts';
import { loadInstance, loadRelease } from './load-rollout.ts';
import type { Parts } from './parts.ts';

/** Turns the address of a package into the digest of bytes that are kept here. */
export const resolveArtifact: Task<Parts> = {
  name: 'resolve-artifact',
  async run(context) {
    const { plan, parts, stop, write, progress } = context;
    if (!plan.next) return;
    const instance = await loadInstance(parts, plan.instance);
    const release = await loadRelease(parts, instance, plan.next.rollout);
    if (release.digest) return;
    const { source } = release.content;
    if (isCode(source)) return buildSource(context, instance, release, source);
    const url = fetchAddress(source);
    const own = packageAddress(url, instance.project);
    if (own) {
      const found = await findPackage(parts.store.read, instance.project, own);
      if (!found) {
        throw new Problem(
          'artifactUnavailable',
          `The package ${own.name}/${own.version}/${own.file} is no longer in the repository; upload it again, then repeat the request.`,
        );
      }
      await write((tx) => updateRelease(tx, release.id, { digest: found.digest, fileName: own.file }));
      return;
    }
    // Without its query, which may hold a signature.
    progress(`fetching ${url.replace(/\?.*$/s, '')}`);
    const fetched = await fetchArtifact(url, {
      store: parts.artifacts,
      allow: parts.fetchAllow,
      signal: stop,
      maxBytes: parts.limits.maxPackageBytes,
    });
    await write(async (tx) => {
      await recordArtifact(tx, { digest: fetched.digest, size: fetched.size, time: parts.now() });
      await updateRelease(tx, release.id, { digest: fetched.digest, fileName: fetched.fileName });
    });
  },
};
