import { Type, type Static } from 'typebox';

const ExecutionStatus = Type.Enum(['RUNNING', 'SUCCEEDED', 'FAILED']);

export const Job = Type.Object(
  {
    JOB_ID: Type.String(),
    JOB_NAME: Type.String(),
    JOB_TYPE: Type.Enum(['PROVISION', 'DEPROVISION', 'DAILY_OPERATION', 'SYSTEM_INNER']),
    JOB_DESC: Type.String(),
    SERVICE_INSTANCE_ID: Type.String(),
    PROJECT_ID: Type.String(),
    ORDER_ID: Type.String(),
    EXECUTION_STATUS: ExecutionStatus,
    CREATED_BY: Type.String(),
  },
  { title: 'Job' },
);

const Moment = Type.String({ pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z$' });

export const Task = Type.Object(
  {
    TASK_ID: Type.String(),
    TASK_TYPE: Type.String(),
    TASK_INDEX: Type.Integer(),
    TASK_NAME: Type.String(),
    TASK_STATUS: Type.Enum(['SUBMITTED', 'RUNNING', 'SUCCEEDED', 'FAILED', 'SKIPPED', 'ROLLBACKED']),
    MESSAGES: Type.String(),
    CREATED_AT: Moment,
    LAST_HEALTH_CHECK: Moment,
    OWNER_ID: Type.String(),
  },
  { title: 'Task' },
);

export const JobDetail = Type.Object(
  { task_count: Type.Integer(), job: Job, tasks: Type.Array(Task) },
  { title: 'JobDetail' },
);

export type JobWire = Static<typeof Job>;
export type TaskWire = Static<typeof Task>;
