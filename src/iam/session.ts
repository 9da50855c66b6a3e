import type { DomainId, ProjectId, UserId } from '../domain/ids.ts';
import { grantsWithin, type Grant } from '../domain/permission.ts';
import type { Db } from '../store/open.ts';
import { listGrants } from '../store/role-assignments.ts';
import { findUser } from '../store/users.ts';

/** Somebody who may sign in. */
export interface Principal {
  readonly user: UserId;
  readonly userName: string;
  readonly domain: DomainId;
  readonly grants: readonly Grant[];
}

/** Who a token or a signature stands for, and for what. */
export interface Session extends Principal {
  /** Absent: a token is for the whole domain, and a signature for the project that the address names. */
  readonly project?: ProjectId;
  /** The access key that signed; absent: it is a token's. */
  readonly access?: string;
  /** It is a temporary key's, or was got by one: for a while, and for no more than its scope. */
  readonly isTemporary?: boolean;
  readonly issueTime: number;
  readonly expireTime: number;
  /** How its token was got; absent: it is a key's. */
  readonly methods?: readonly string[];
}

/** Of a temporary key, or of what was got by one: where that is for one project, its user's other rights do not count. */
export function temporarySession<T extends Session>(session: T): T & { readonly isTemporary: true } {
  const { project, grants } = session;
  return {
    ...session,
    isTemporary: true,
    ...(project !== undefined && { grants: grantsWithin(grants, project) }),
  };
}

/** Undefined: there is no such user, or it is disabled. */
export async function loadPrincipal(db: Db, id: UserId): Promise<Principal | undefined> {
  const user = await findUser(db, id);
  if (!user?.isEnabled) return undefined;
  return { user: user.id, userName: user.name, domain: user.domain, grants: await listGrants(db, user.id) };
}
