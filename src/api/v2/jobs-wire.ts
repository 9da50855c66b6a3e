import type { Job } from '../../domain/job.ts';
import type { TaskState } from '../../domain/job.ts';
import type { StoredJob, StoredTask } from '../../store/jobs.ts';
import type { JobWire, TaskWire } from './schemas/job.ts';

const states = { running: 'RUNNING', succeeded: 'SUCCEEDED', failed: 'FAILED' } as const;

export const jobStatus = ({ state }: Pick<StoredJob, 'state'>): JobWire['EXECUTION_STATUS'] => states[state];

const taskStates = {
  waiting: 'SUBMITTED',
  running: 'RUNNING',
  succeeded: 'SUCCEEDED',
  failed: 'FAILED',
  undone: 'ROLLBACKED',
  skipped: 'SKIPPED',
} as const satisfies Record<TaskState, TaskWire['TASK_STATUS']>;

function typeOf({ kind, isInternal }: StoredJob): JobWire['JOB_TYPE'] {
  if (isInternal) return 'SYSTEM_INNER';
  if (kind === 'create-instance') return 'PROVISION';
  return kind === 'delete-instance' ? 'DEPROVISION' : 'DAILY_OPERATION';
}

/** The contract's own name for a create; the others in its manner. */
function nameOf(kind: Job['kind']): string {
  if (kind === 'create-instance') return 'provision/provMain';
  if (kind === 'delete-instance') return 'deprovision/deprovMain';
  return `operation/${kind.replaceAll(/-(\w)/g, (_, letter: string) => letter.toUpperCase())}`;
}

export const jobWire = (job: StoredJob): JobWire => ({
  JOB_ID: job.id,
  JOB_NAME: nameOf(job.kind),
  JOB_TYPE: typeOf(job),
  JOB_DESC: nameOf(job.kind),
  SERVICE_INSTANCE_ID: job.instance,
  PROJECT_ID: job.project,
  ORDER_ID: '',
  EXECUTION_STATUS: jobStatus(job),
  CREATED_BY: job.createdBy,
});

/** `count` is of all tasks of the job: the last one speaks for the job, whatever page it is on. */
export function taskWire(
  task: StoredTask,
  job: StoredJob,
  count: number,
  /** The end of what its build printed, where it built something. */
  printed?: readonly string[],
): TaskWire {
  const speaksForJob = task.position === count - 1;
  return {
    TASK_ID: task.id,
    TASK_TYPE: 'restful',
    TASK_INDEX: task.position + 1,
    TASK_NAME: task.name.replaceAll('-', '_').toUpperCase(),
    TASK_STATUS: speaksForJob ? jobStatus(job) : taskStates[task.state],
    MESSAGES:
      printed && isBuilt(task) ? JSON.stringify({ log: printed }) : messagesOf(task, job, speaksForJob),
    CREATED_AT: new Date(task.createTime).toISOString(),
    LAST_HEALTH_CHECK: new Date(task.updateTime).toISOString(),
    OWNER_ID: task.owner,
  };
}

/** The task that builds code, once that worked; a failure tells the same lines itself. */
const isBuilt = ({ name, state }: StoredTask) => name === 'resolve-artifact' && state === 'succeeded';

/** Progress is of interest until it is made: afterwards its last word ("0 of 1 ready") would mislead. */
function messagesOf({ messages, state }: StoredTask, job: StoredJob, speaksForJob: boolean): string {
  if (state === 'succeeded') return '{}';
  return messages === '' ? failureOf(job, speaksForJob) : messages;
}

function failureOf({ problem }: StoredJob, speaksForJob: boolean): string {
  if (!problem || !speaksForJob) return '{}';
  const { message, failed_task, exit, log } = problem;
  return JSON.stringify({ message, failed_task, exit, log });
}
