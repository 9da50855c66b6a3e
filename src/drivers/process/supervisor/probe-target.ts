import type { Known } from '../../../kernel/socket-owners.ts';
import { plainReach } from '../../../kernel/reach.ts';
import { LOOPBACK } from './ports.ts';
import type { ProbeTarget } from './probes.ts';
import type { Placement } from './replica-record.ts';
import type { Surroundings } from './surroundings.ts';

/** The way of probes and hooks to one life of a replica: what is known of its sockets ends with it. */
export function probeTarget(
  replica: { readonly name: string; readonly placement: Placement },
  port: number,
  run: ProbeTarget['run'],
  { reach, unfenced }: Surroundings,
): ProbeTarget {
  const user = unfenced.has('users') ? undefined : replica.placement.rollout.placement.user;
  const target = { replica: replica.name, host: LOOPBACK, port, ...(user !== undefined && { user }) };
  const known: Known = { inodes: [], proven: [] };
  return {
    port,
    isOwnerAsked: user !== undefined && reach !== plainReach,
    connect: (withinMs) => reach.connect(target, known, withinMs),
    run,
  };
}
