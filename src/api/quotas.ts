import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { quotas, quotaNames, type QuotaName } from '../domain/quota.ts';
import {
  countInstances,
  countOpenJobs,
  sumPackages,
  sumReleases,
  sumReservations,
} from '../store/reservations.ts';
import type { Parts } from './parts.ts';
import { callerOf } from './session.ts';
import { errors, nullable, params } from './v2/schemas/shared.ts';

const Quota = Type.Object(
  {
    name: Type.String({
      description:
        'instances, jobs, cpu_millis, memory_bytes, package_bytes, disk_bytes, log_bytes or release_bytes',
    }),
    used: Type.Integer(),
    quota: nullable(Type.Integer({ description: 'null: no bound of its own' })),
    setting: Type.String({ description: 'by which the operator changes it' }),
  },
  { title: 'Quota' },
);
const QuotaList = Type.Object({ quotas: Type.Array(Quota) }, { title: 'QuotaList' });

const wireNames: Readonly<Record<QuotaName, string>> = {
  instances: 'instances',
  jobs: 'jobs',
  cpuMillis: 'cpu_millis',
  memoryBytes: 'memory_bytes',
  packageBytes: 'package_bytes',
  diskBytes: 'disk_bytes',
  logBytes: 'log_bytes',
  releaseBytes: 'release_bytes',
};

/** What a project may have, and has. */
export const quotaRoutes =
  ({ services }: Parts): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.get(
      '/openstage/v1/:project_id/quotas',
      {
        config: { permission: 'servicestage:app:list' },
        schema: {
          operationId: 'ListQuotas',
          summary: 'What the project may have at most, and what of it is in use',
          tags: ['Quotas'],
          params: params({}),
          response: { 200: QuotaList, ...errors },
        },
      },
      async (request) => {
        const { project } = callerOf(request);
        const { read } = services.store;
        const { cpuMillis, memoryBytes, replicas } = await sumReservations(read, project);
        const replica = services.admission?.replica ?? { diskBytes: 0, logBytes: 0 };
        const used = {
          instances: await countInstances(read, project),
          jobs: await countOpenJobs(read, project),
          cpuMillis,
          memoryBytes,
          packageBytes: await sumPackages(read, project),
          diskBytes: replicas * replica.diskBytes,
          logBytes: replicas * replica.logBytes,
          releaseBytes: await sumReleases(read, project),
        };
        return {
          quotas: quotaNames.map((name) => ({
            name: wireNames[name],
            used: used[name],
            quota: services.admission?.quotas[name] || null,
            setting: quotas[name].setting,
          })),
        };
      },
    );
  };
