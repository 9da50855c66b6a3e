import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { Problem } from '../../domain/errors.ts';
import { jobId } from '../../domain/ids.ts';
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

export const jobRoutes =
  ({ services }: Parts): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.get('/jobs', { schema: { hide: true } }, async () => {
      throw new Problem(
        'jobIdEmpty',
        'The job id in the address is empty; expected the job_id of an answer.',
      );
    });

    app.get(
      '/jobs/:job_id',
      {
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
          throw new Problem(
            'jobUnknown',
            `Job ${request.params.job_id} does not exist in this project; jobs are kept for a while after they end.`,
          );
        }
        const limit = wholeNumber(textOf(request.query, 'limit') ?? '') ?? DEFAULT_TASKS;
        const page = {
          limit: Math.min(limit, MOST_TASKS),
          offset: readOffset(textOf(request.query, 'offset')),
          desc: textOf(request.query, 'desc')?.toLowerCase() === 'true',
        };
        const count = await countTasks(read, job.id);
        const tasks = await listTasks(read, job.id, page);
        return {
          task_count: count,
          job: jobWire(job),
          tasks: tasks.map((task) => taskWire(task, job, count)),
        };
      },
    );
  };
