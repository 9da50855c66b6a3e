import { sql } from 'kysely';
import { componentId, type ComponentId, type ProjectId } from '../domain/ids.ts';
import { isRecord, parseJson } from './json.ts';
import type { Db } from './open.ts';

/** A component that is built from a repository. */
export interface CodeComponent {
  readonly id: ComponentId;
  readonly repoUrl: string;
  readonly repoRef?: string;
}

/** Live ones whose source bears the last part of a repository's path somewhere; whoever asks compares the addresses. */
export async function listCodeComponents(
  db: Db,
  project: ProjectId,
  name: string,
): Promise<readonly CodeComponent[]> {
  const rows = await db
    .selectFrom('components')
    .select(['id', 'source_json'])
    .where('project_id', '=', project)
    .where('deleting', '=', 0)
    .where(sql<boolean>`lower(source_json) like ${`%/${name.toLowerCase()}%`}`)
    .execute();
  return rows.flatMap(({ id, source_json: json }) => {
    const source = parseJson(json ?? '{}', 'components.source_json', isRecord);
    const spec = source['spec'];
    if (source['kind'] !== 'code' || !isRecord(spec) || typeof spec['repoUrl'] !== 'string') return [];
    const ref = spec['repoRef'];
    return [
      {
        id: componentId(id),
        repoUrl: spec['repoUrl'],
        ...(typeof ref === 'string' && ref !== '' && { repoRef: ref }),
      },
    ];
  });
}
