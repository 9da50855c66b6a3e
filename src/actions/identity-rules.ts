import { Problem } from '../domain/errors.ts';
import { isAllowed, type IdentityPermission } from '../domain/permission.ts';
import type { UserId } from '../domain/ids.ts';
import type { Session } from '../iam/session.ts';
import { countDomainHolders } from '../store/role-assignments.ts';
import type { Tx } from '../store/open.ts';

/** Whoever it is may look after what is theirs; what is others' needs the permission, whether it exists or not. */
export function assertOwnOr(permission: IdentityPermission, session: Session, user: UserId): void {
  if (session.user === user || isAllowed(session.grants, permission, undefined)) return;
  throw new Problem(
    'forbidden',
    `You are not authorized to perform the requested action: ${permission} on another user; ask an administrator.`,
  );
}

/** After a change, in its transaction: somebody must be left who can give roles. */
export async function assertAdministered(tx: Tx, { domain }: Session): Promise<void> {
  if ((await countDomainHolders(tx, domain, 'te_admin')) > 0) return;
  throw new Problem(
    'invalid',
    'Nobody enabled would have the role te_admin in the domain any more; give it to somebody else first.',
  );
}
