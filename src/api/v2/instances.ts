import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { actOnInstance } from '../../actions/act-on-instance.ts';
import { applicationOf } from '../../actions/applications.ts';
import { changeInstance } from '../../actions/change-instance.ts';
import { componentOf } from '../../actions/components.ts';
import { createInstance } from '../../actions/create-instance.ts';
import type { Accepted, Caller } from '../../actions/caller.ts';
import { deleteInstance } from '../../actions/delete-instance.ts';
import { Problem } from '../../domain/errors.ts';
import {
  applicationId,
  componentId,
  instanceId,
  type EnvironmentId,
  type InstanceId,
} from '../../domain/ids.ts';
import type { ChangeRequest } from '../../domain/request.ts';
import { findEnvironment } from '../../store/environments.ts';
import { listInstances } from '../../store/instance-lists.ts';
import { findInstance, type Instance } from '../../store/instances.ts';
import type { Db } from '../../store/open.ts';
import { findRelease, listSnapshots } from '../../store/releases.ts';
import { listReplicas } from '../../store/replicas.ts';
import type { Parts } from '../parts.ts';
import { callerOf } from '../session.ts';
import { valuesFor } from '../shown-values.ts';
import { withoutGenerated } from './access-wire.ts';
import { readAction, readChange, readCreate } from './instance-requests-wire.ts';
import { loadShown } from './instances-shown.ts';
import { instanceViewWire, instanceWire, runningWire, snapshotWire } from './instances-wire.ts';
import { readPaging } from './paging.ts';
import { readForce } from './queries.ts';
import { InstanceAction, InstanceCreate, InstanceModify } from './schemas/instance-requests.ts';
import {
  Instance as InstanceSchema,
  InstanceJob,
  InstanceList,
  JobRef,
  SnapshotList,
} from './schemas/instance.ts';
import { errors, errorsOfJobs, ForceQuery, Id, PagingQuery, params } from './schemas/shared.ts';

const tags = ['Instances'];
const base = '/applications/:application_id/components/:component_id/instances';
const one = `${base}/:instance_id` as const;
const ofComponent = params({ application_id: Id, component_id: Id });
const ofInstance = params({ application_id: Id, component_id: Id, instance_id: Id });

interface Path {
  readonly application_id: string;
  readonly component_id: string;
}

const parentsIn = (path: Path) => ({
  application: applicationId(path.application_id),
  component: componentId(path.component_id),
});
const scopeIn = (path: Path & { readonly instance_id: string }) => ({
  ...parentsIn(path),
  instance: instanceId(path.instance_id),
});

const jobAnswer = ({ instance, job }: Accepted) => ({ instance_id: instance, job_id: job });

/** The instance inside its parents; one of another component is not found. */
async function located(db: Db, caller: Caller, path: Path & { readonly instance_id: string }) {
  const { application: home, component: parent, instance: id } = scopeIn(path);
  const application = await applicationOf(db, caller, home);
  const component = await componentOf(db, caller, { application: home, component: parent });
  const instance = await findInstance(db, id, { project: caller.project, component: parent });
  if (!instance) {
    throw new Problem(
      'instanceUnknown',
      `Instance ${id} does not exist in component ${parent}; list its instances to see those that do.`,
    );
  }
  return { application, component, instance };
}

async function environmentNames(db: Db, caller: Caller, instances: readonly Instance[]) {
  const names = new Map<EnvironmentId, string>();
  for (const id of new Set(instances.map(({ environment }) => environment))) {
    names.set(id, (await findEnvironment(db, caller.project, id))?.name ?? '');
  }
  return names;
}

/** Without what was generated and comes back. */
async function withOwnAccesses(db: Db, caller: Caller, id: InstanceId, request: ChangeRequest) {
  if (!request.externalAccesses) return request;
  const instance = await findInstance(db, id, { project: caller.project });
  if (!instance) return request;
  const current = await findRelease(db, instance.servingRelease ?? instance.requestedRelease);
  const given = current?.content.externalAccesses ?? [];
  return { ...request, externalAccesses: withoutGenerated(request.externalAccesses, instance, given) };
}

export const instanceRoutes =
  ({ services, knownRuntimes, ingressPort }: Parts): FastifyPluginAsyncTypebox =>
  async (app) => {
    const { read } = services.store;

    app.post(
      base,
      {
        config: { permission: 'servicestage:app:deploy' },
        schema: {
          operationId: 'CreateInstance',
          tags,
          params: ofComponent,
          body: InstanceCreate,
          response: { 200: InstanceJob, ...errorsOfJobs },
        },
      },
      async (request) => {
        const scope = parentsIn(request.params);
        return jobAnswer(await createInstance(services, callerOf(request), scope, readCreate(request.body)));
      },
    );

    app.get(
      base,
      {
        config: { permission: 'servicestage:app:list' },
        schema: {
          operationId: 'ListInstances',
          tags,
          params: ofComponent,
          querystring: PagingQuery,
          response: { 200: InstanceList, ...errors },
        },
      },
      async (request) => {
        const caller = callerOf(request);
        const scope = parentsIn(request.params);
        const application = await applicationOf(read, caller, scope.application);
        const component = await componentOf(read, caller, scope);
        const paging = readPaging(request.query, ['create_time', 'name', 'update_time', 'version']);
        const { count, items } = await listInstances(read, { project: caller.project, ...scope }, paging);
        const environments = await environmentNames(read, caller, items);
        const shown = await loadShown(
          read,
          { application, component, runtimes: await knownRuntimes() },
          items,
          { isBrief: true },
        );
        const instances = shown.map((item) =>
          instanceViewWire(item, {
            application: application.name,
            component: component.name,
            environment: environments.get(item.instance.environment) ?? '',
          }),
        );
        return { count, instances };
      },
    );

    app.get(
      one,
      {
        config: { permission: 'servicestage:app:get' },
        schema: {
          operationId: 'ShowInstanceDetail',
          tags,
          params: ofInstance,
          response: { 200: InstanceSchema, ...errors },
        },
      },
      async (request) => {
        const caller = callerOf(request);
        const found = await located(read, caller, request.params);
        const [shown] = await loadShown(read, { ...found, runtimes: await knownRuntimes() }, [
          found.instance,
        ]);
        if (!shown) throw new Error('One instance was loaded and none came back.');
        const replicas = await listReplicas(read, found.instance.id);
        return instanceWire(
          shown,
          valuesFor(caller, services.key),
          runningWire(shown, replicas, ingressPort()),
        );
      },
    );

    app.put(
      one,
      {
        config: { permission: 'servicestage:app:deploy' },
        schema: {
          operationId: 'ChangeInstance',
          tags,
          params: ofInstance,
          body: InstanceModify,
          response: { 200: InstanceJob, ...errorsOfJobs },
        },
      },
      async (request) => {
        const caller = callerOf(request);
        const scope = scopeIn(request.params);
        const change = readChange(request.body);
        const own = await withOwnAccesses(read, caller, scope.instance, change);
        return jobAnswer(await changeInstance(services, caller, scope, own));
      },
    );

    app.delete(
      one,
      {
        config: { permission: 'servicestage:app:delete' },
        schema: {
          operationId: 'DeleteInstance',
          tags,
          params: ofInstance,
          querystring: ForceQuery,
          response: { 200: InstanceJob, ...errorsOfJobs },
        },
      },
      async (request) => {
        const options = { force: readForce(request.query) };
        return jobAnswer(await deleteInstance(services, callerOf(request), scopeIn(request.params), options));
      },
    );

    app.post(
      `${one}/action`,
      {
        config: { permission: 'servicestage:app:deploy', mayFreeRoom: true },
        schema: {
          operationId: 'UpdateInstanceAction',
          tags,
          params: ofInstance,
          body: InstanceAction,
          response: { 200: JobRef, ...errorsOfJobs },
        },
      },
      async (request) => {
        const scope = scopeIn(request.params);
        const { job } = await actOnInstance(services, callerOf(request), scope, readAction(request.body));
        return { job_id: job };
      },
    );

    app.get(
      `${one}/snapshots`,
      {
        config: { permission: 'servicestage:app:list' },
        schema: {
          operationId: 'ListInstanceSnapshots',
          tags,
          params: ofInstance,
          querystring: Type.Object({
            ...PagingQuery.properties,
            snapshot_order_by: Type.Optional(
              Type.String({ description: 'create_time (default) or version' }),
            ),
          }),
          response: { 200: SnapshotList, ...errors },
        },
      },
      async (request) => {
        const { instance } = await located(read, callerOf(request), request.params);
        const paging = readPaging(
          request.query,
          ['create_time', 'version'],
          ['snapshot_order_by', 'order_by'],
        );
        const orderBy = paging.orderBy === 'version' ? 'version' : 'create_time';
        const { count, items } = await listSnapshots(read, instance.id, { ...paging, orderBy });
        return { count, snapshots: items.map(snapshotWire) };
      },
    );
  };
