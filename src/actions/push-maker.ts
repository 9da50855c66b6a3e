import type { ProjectId, UserId } from '../domain/ids.ts';
import { isAllowed } from '../domain/permission.ts';
import { loadPrincipal } from '../iam/session.ts';
import type { Db } from '../store/open.ts';

/** Whether a hook's maker may still have instances upgraded: users go, and roles are taken away. */
export async function mayDeploy(
  db: Db,
  { user, project }: { readonly user: UserId; readonly project: ProjectId },
): Promise<boolean> {
  const principal = await loadPrincipal(db, user);
  return principal !== undefined && isAllowed(principal.grants, 'servicestage:app:deploy', project);
}
