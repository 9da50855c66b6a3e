import { buildKey, digest, jobId } from '../../src/domain/ids.ts';
import { deleteUnnamedArtifact, listNamedBuilds, listUnnamedArtifacts } from '../../src/store/artifacts.ts';
import { deleteAuditBefore } from '../../src/store/audit.ts';
import { deleteEmptiedComponents } from '../../src/store/components.ts';
import { listGitPushes } from '../../src/store/git-pushes.ts';
import { deleteReleasesDroppedBefore, deleteRolloutsRetiredBefore } from '../../src/store/history.ts';
import { findHostOwner } from '../../src/store/host-claims.ts';
import {
  deleteInstancesGoneBefore,
  findInstanceEvenDeleted,
  type Instance,
} from '../../src/store/instances.ts';
import { listBlocked, listEndedOf, listHeld, listWaiting } from '../../src/store/job-leases.ts';
import {
  findOpenJobByRequest,
  findOpenUserJob,
  forgetJobs,
  listForgettable,
  listOpenJobs,
} from '../../src/store/jobs.ts';
import type { Store } from '../../src/store/open.ts';
import { listReplicas } from '../../src/store/replicas.ts';
import { listUnretiredRolloutsOf } from '../../src/store/rollouts.ts';
import { deleteTemporaryKeysExpiredBefore } from '../../src/store/temporary-keys.ts';
import { deleteTokensExpiredBefore } from '../../src/store/tokens.ts';
import { findWatched, listSeenTexts, listWatched } from '../../src/store/watched.ts';

/** What the platform asks the store again and again, by itself or before each change, by who asks. */
export const timers: Readonly<
  Record<string, (store: Store, instance: Pick<Instance, 'id' | 'project'>) => Promise<unknown>>
> = {
  'worker: jobs that wait': ({ read }) => listWaiting(read, 8),
  'worker: jobs that are blocked': ({ read }) => listBlocked(read, 1_000),
  'worker: jobs that are held': ({ read }) => listHeld(read, 1_000),
  'worker: its jobs that ended': ({ read }) => listEndedOf(read, 'node:run'),
  'reconciler: all instances': async ({ read }, { id }) => {
    await listWatched(read, { driver: 'process', areAll: true, limit: 200 });
    await listWatched(read, { driver: 'process', areAll: true, limit: 200, after: id });
  },
  'reconciler: instances with replicas': async ({ read }, { id }) => {
    await listWatched(read, { driver: 'process', areAll: false, limit: 200 });
    await listWatched(read, { driver: 'process', areAll: false, limit: 200, after: id });
    await listSeenTexts(read, [id]);
  },
  'reconciler: one instance': async ({ read }, { id }) => {
    await findWatched(read, id);
    await findInstanceEvenDeleted(read, id);
    await listReplicas(read, id);
    await listUnretiredRolloutsOf(read, [id]);
    await listOpenJobs(read, id);
  },
  'requests: whether a job is open': async ({ read }, { id, project }) => {
    await findOpenUserJob(read, id);
    await findOpenJobByRequest(read, project, 'hash');
  },
  'pushes: the next ones': async ({ read }, { id }) => {
    await listGitPushes(read, 20);
    await listGitPushes(read, 20, { receiveTime: 1, instance: id });
  },
  'collector: jobs': async (store) => {
    await listForgettable(store.read, 1_000, 200);
    await store.write((tx) => forgetJobs(tx, [jobId('a'), jobId('b')]));
  },
  'collector: instances': (store) => store.write((tx) => deleteInstancesGoneBefore(tx, 1_000, 200)),
  'collector: components': (store) => store.write((tx) => deleteEmptiedComponents(tx)),
  'collector: tokens and keys': (store) =>
    store.write(async (tx) => {
      await deleteTokensExpiredBefore(tx, 1_000);
      await deleteTemporaryKeysExpiredBefore(tx, 1_000);
    }),
  'collector: audit': (store) => store.write((tx) => deleteAuditBefore(tx, 1_000, 200)),
  'collector: rollouts and releases': (store) =>
    store.write(async (tx) => {
      await deleteRolloutsRetiredBefore(tx, 1_000, 200);
      await deleteReleasesDroppedBefore(tx, 1_000, 200);
    }),
  'collector: artifacts': async (store) => {
    await listUnnamedArtifacts(store.read, 1_000, 200);
    await store.write((tx) => deleteUnnamedArtifact(tx, digest('d'), 1_000));
  },
  'collector: builds': ({ read }) => listNamedBuilds(read, [buildKey('b')]),
  'ingress: whose host': ({ read }) => findHostOwner(read, 'www.example.org'),
};
