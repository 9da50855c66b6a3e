import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { Problem } from '../../domain/errors.ts';
import { jobId } from '../../domain/ids.ts';
import { findJobLog, findLastLines } from '../../store/job-logs.ts';
import { countTasks, findJob, listTasks } from '../../store/jobs.ts';
import type { Parts } from '../parts.ts';
import { callerOf } from '../session.ts';
import { jobWire, taskWire } from './jobs-wire.ts';
import { readOffset, textOf, wholeNumber } from './paging.ts';
import { JobDetail } from './schemas/job.ts';
import { errors, Id, params } from './schemas/shared.ts';

const tags = ['Jobs'];
const DEFAULT_TASKS = 20;
const MOST_TASKS = 1_000;

const TasksQuery = Type.Object({
  instance_id: Type.Optional(Type.String({ description: 'the instance that the job must be of' })),
  limit: Type.Optional(Type.String({ description: 'tasks per page, 20 by default' })),
  offset: Type.Optional(Type.String({ description: 'tasks to skip, 0 by default' })),
  desc: Type.Optional(Type.String({ description: 'true: the last task first' })),
});

const jobUnknown = (id: string) =>
  new Problem(
    'jobUnknown',
    `Job ${id} does not exist in this project; jobs are kept for a while after they end.`,
  );

export const jobRoutes =
  ({ services }: Parts): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.get('/jobs', { config: { permission: 'servicestage:app:get' }, schema: { hide: true } }, async () => {
      throw new Problem(
        'jobIdEmpty',
        'The job id in the address is empty; expected the job_id of an answer.',
      );
    });

    app.get(
      '/jobs/:job_id',
      {
        config: { permission: 'servicestage:app:get' },
        schema: {
          operationId: 'ShowJobDetail',
          tags,
          params: params({ job_id: Id }),
          querystring: TasksQuery,
          response: { 200: JobDetail, ...errors },
        },
      },
      async (request) => {
        const { read } = services.store;
        const job = await findJob(read, jobId(request.params.job_id));
        const instance = textOf(request.query, 'instance_id') ?? '';
        if (
          !job ||
          job.project !== callerOf(request).project ||
          (instance !== '' && job.instance !== instance)
        ) {
          throw jobUnknown(request.params.job_id);
        }
        const limit = wholeNumber(textOf(request.query, 'limit') ?? '') ?? DEFAULT_TASKS;
        const page = {
          limit: Math.min(limit, MOST_TASKS),
          offset: readOffset(textOf(request.query, 'offset')),
          desc: textOf(request.query, 'desc')?.toLowerCase() === 'true',
        };
        const count = await countTasks(read, job.id);
        const tasks = await listTasks(read, job.id, page);
        const printed = await findLastLines(read, job.id);
        return {
          task_count: count,
          job: jobWire(job),
          tasks: tasks.map((task) => taskWire(task, job, count, printed)),
        };
      },
    );

    app.get(
      '/jobs/:job_id/log',
      {
        config: { permission: 'servicestage:app:getLog' },
        schema: {
          operationId: 'ShowJobLog',
          summary: 'What the build of the job printed, as text; an addition to the contract',
          tags,
          params: params({ job_id: Id }),
          response: { 200: Type.String({ description: 'text of at most 1 MiB' }), ...errors },
        },
      },
      async (request, reply) => {
        const id = jobId(request.params.job_id);
        const { read } = services.store;
        const log = await findJobLog(read, id);
        if (log?.project === callerOf(request).project)
          return reply.type('text/plain; charset=utf-8').send(log.content);
        const job = await findJob(read, id);
        if (job?.project !== callerOf(request).project) throw jobUnknown(id);
        throw new Problem(
          'jobUnknown',
          `Job ${id} has no log: it builds nothing from code, or has not come to the end of a build yet.`,
        );
      },
    );
  };
