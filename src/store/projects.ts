import { domainId, projectId, type DomainId, type ProjectId } from '../domain/ids.ts';
import type { Db, Tx } from './open.ts';

export interface Domain {
  readonly id: DomainId;
  readonly name: string;
}

export interface Project {
  readonly id: ProjectId;
  readonly domain: DomainId;
  readonly name: string;
  readonly createTime: number;
  readonly description?: string;
}

export async function insertDomain(tx: Tx, domain: Domain): Promise<void> {
  await tx.insertInto('domains').values({ id: domain.id, name: domain.name }).execute();
}

export async function findDomain(db: Db, id: DomainId): Promise<Domain | undefined> {
  const row = await db.selectFrom('domains').selectAll().where('id', '=', id).executeTakeFirst();
  return row && { id: domainId(row.id), name: row.name };
}

export async function findDomainByName(db: Db, name: string): Promise<Domain | undefined> {
  const row = await db.selectFrom('domains').selectAll().where('name', '=', name).executeTakeFirst();
  return row && { id: domainId(row.id), name: row.name };
}

interface ProjectRow {
  readonly id: string;
  readonly domain_id: string;
  readonly name: string;
  readonly create_time: number;
  readonly description: string | null;
}

const toProject = (row: ProjectRow): Project => ({
  id: projectId(row.id),
  domain: domainId(row.domain_id),
  name: row.name,
  createTime: row.create_time,
  ...(row.description !== null && { description: row.description }),
});

/** A name that is taken is a UniqueViolation of `unique.projectName`. */
export async function insertProject(tx: Tx, project: Project): Promise<void> {
  await tx
    .insertInto('projects')
    .values({
      id: project.id,
      domain_id: project.domain,
      name: project.name,
      create_time: project.createTime,
      description: project.description ?? null,
    })
    .execute();
}

export async function findProject(db: Db, id: ProjectId): Promise<Project | undefined> {
  const row = await db.selectFrom('projects').selectAll().where('id', '=', id).executeTakeFirst();
  return row && toProject(row);
}

export async function findProjectByName(
  db: Db,
  domain: DomainId,
  name: string,
): Promise<Project | undefined> {
  const row = await db
    .selectFrom('projects')
    .selectAll()
    .where('domain_id', '=', domain)
    .where('name', '=', name)
    .executeTakeFirst();
  return row && toProject(row);
}

/** The oldest first. */
export async function listProjects(db: Db, domain: DomainId): Promise<readonly Project[]> {
  const rows = await db
    .selectFrom('projects')
    .selectAll()
    .where('domain_id', '=', domain)
    .orderBy('create_time')
    .orderBy('id')
    .execute();
  return rows.map(toProject);
}
