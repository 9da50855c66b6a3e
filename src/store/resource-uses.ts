import { type RawBuilder, sql } from 'kysely';
import { instanceId, type EnvironmentId, type InstanceId, type ProjectId } from '../domain/ids.ts';
import type { ReferResource } from '../domain/release.ts';
import { ANY_HOST, isNeeded, type Resource } from '../domain/resource.ts';
import { isListOf, isRecord, isShape, parseJson, parseOptionalJson } from './json.ts';
import type { Db } from './open.ts';

export interface ResourceUse {
  readonly instance: InstanceId;
  readonly name: string;
  readonly resource: Resource;
}

const isResource = isShape<Resource>({ id: 'string', type: 'string' });
const isReferring = (value: unknown): value is { readonly referResources: readonly ReferResource[] } =>
  isRecord(value) && isListOf(isResource)(value['referResources']);
const isText = (value: unknown): value is string => typeof value === 'string';

/** A live instance of the environment that runs on one of these resources, or whose releases of now name one. */
export async function findResourceUse(
  db: Db,
  project: ProjectId,
  environment: EnvironmentId,
  resources: readonly Resource[],
): Promise<ResourceUse | undefined> {
  if (resources.length === 0) return undefined;
  const ids = [...new Set([...resources.map(({ id }) => id), ANY_HOST])];
  const rows = await db
    .selectFrom('instances')
    .innerJoin('releases', (join) =>
      join.on((eb) =>
        eb.or([
          eb('releases.id', '=', eb.ref('instances.serving_release_id')),
          eb('releases.id', '=', eb.ref('instances.requested_release_id')),
        ]),
      ),
    )
    .select(['instances.id', 'instances.name', 'instances.target_json', 'instances.hosts_json'])
    .select('releases.content_json')
    .where('instances.project_id', '=', project)
    .where('instances.environment_id', '=', environment)
    .where('instances.delete_time', 'is', null)
    // Only rows that may name one leave the database; which do is decided below.
    .where((eb) =>
      eb.or(
        ids.flatMap((id) => [mentions('instances.target_json', id), mentions('releases.content_json', id)]),
      ),
    )
    .execute();
  for (const row of rows) {
    const target = parseJson(row.target_json, 'instances.target_json', isResource);
    const hosts = parseOptionalJson(row.hosts_json, 'instances.hosts_json', isListOf(isText));
    const { referResources } = parseJson(row.content_json, 'releases.content_json', isReferring);
    const resource = resources.find((one) => isNeeded(one, [target, ...referResources], hosts));
    if (resource) return { instance: instanceId(row.id), name: row.name, resource };
  }
  return undefined;
}

const mentions = (column: string, id: string): RawBuilder<boolean> => {
  const pattern = `%${JSON.stringify(id).replaceAll(/[\\%_]/g, '\\$&')}%`;
  return sql<boolean>`${sql.ref(column)} like ${pattern} escape '\\'`;
};
