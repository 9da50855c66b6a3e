import type { DomainId, ProjectId, UserId } from '../domain/ids.ts';
import type { Grant } from '../domain/permission.ts';
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
  /** That key is a temporary one. */
  readonly isTemporary?: boolean;
  readonly issueTime: number;
  readonly expireTime: number;
  /** How its token was got; absent: it is a key's. */
  readonly methods?: readonly string[];
}

/** Undefined: there is no such user, or it is disabled. */
export async function loadPrincipal(db: Db, id: UserId): Promise<Principal | undefined> {
  const user = await findUser(db, id);
  if (!user?.isEnabled) return undefined;
  return { user: user.id, userName: user.name, domain: user.domain, grants: await listGrants(db, user.id) };
}
