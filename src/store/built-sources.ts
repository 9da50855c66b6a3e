import { digest, type Digest, type ProjectId } from '../domain/ids.ts';
import type { Db } from './open.ts';

/** What code was built into. */
export interface BuiltSource {
  readonly digest: Digest;
  readonly fileName: string;
  readonly size: number;
}

/** The result of an earlier build of the very same, as long as a release names it and its bytes are kept. */
export async function findBuiltSource(
  db: Db,
  project: ProjectId,
  sourceKey: string,
): Promise<BuiltSource | undefined> {
  const row = await db
    .selectFrom('releases')
    .innerJoin('artifacts', 'artifacts.digest', 'releases.digest')
    .select(['artifacts.digest', 'artifacts.size', 'releases.file_name'])
    .where('releases.project_id', '=', project)
    .where('releases.source_key', '=', sourceKey)
    .where('releases.file_name', 'is not', null)
    .limit(1)
    .executeTakeFirst();
  return row && { digest: digest(row.digest), size: row.size, fileName: row.file_name ?? '' };
}
