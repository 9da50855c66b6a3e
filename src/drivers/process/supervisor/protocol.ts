import type { FenceSeen } from '../../../domain/fences.ts';
import { fences } from '../../../domain/fences.ts';
import type { HostId, InstanceId } from '../../../domain/ids.ts';
import type { ReplicaId, Rollout } from '../../../domain/rollout.ts';
import { isReplicaId, isRollout } from './rollout-shape.ts';
import { anything, boolean, either, list, natural, number, object, oneOf, text } from './shape.ts';
import type { Is } from './shape.ts';

/**
 * JSON, a message per line, over a unix socket; a stream (`logs`, `watch`) gets a connection of its own and ends with it.
 * Raised with every change that an older peer would not understand.
 */
export const VERSION = 4;
/** A platform is upgraded while the supervisor of the version before still runs, and the other way round. */
export const isSpoken = (version: number, own = VERSION): boolean => version === own || version === own - 1;
/** What is spoken with a peer that greets with its own version: the lower one. A later peer decides whether it still can. */
export const agreed = (greeting: number, own = VERSION): number => Math.min(greeting, own);

/** One rollout holds at most a request body (1 MiB) of variables, sealed and in base64, and its launch. */
export const MAX_LINE_BYTES = 8 * 1024 * 1024;

export type Call =
  | { readonly op: 'hello'; readonly version: number }
  | {
      readonly op: 'ensure';
      readonly rollout: Rollout;
      readonly ordinals: readonly number[];
      readonly host: HostId;
    }
  | {
      readonly op: 'retire';
      readonly instance: InstanceId;
      readonly rollout: number;
      readonly keep: number;
      readonly graceMs: number;
    }
  | { readonly op: 'observe'; readonly instance?: InstanceId }
  | { readonly op: 'logs'; readonly replica: ReplicaId; readonly tail: number; readonly follow: boolean }
  | { readonly op: 'watch' }
  | { readonly op: 'ports' }
  | { readonly op: 'shutdown'; readonly applications: 'leave' | 'stop' };

type As<Op extends Call['op']> = Extract<Call, { op: Op }>;

const isCall: Is<Call> = either(
  either(
    either(
      object<As<'hello'>>({ op: oneOf('hello'), version: natural }, {}),
      object<As<'ensure'>>(
        { op: oneOf('ensure'), rollout: isRollout, ordinals: list(natural), host: text },
        {},
      ),
    ),
    either(
      object<As<'retire'>>(
        { op: oneOf('retire'), instance: text, rollout: natural, keep: natural, graceMs: number },
        {},
      ),
      object<As<'observe'>>({ op: oneOf('observe') }, { instance: text }),
    ),
  ),
  either(
    either(
      object<As<'logs'>>({ op: oneOf('logs'), replica: isReplicaId, tail: natural, follow: boolean }, {}),
      object<As<'watch'> | As<'ports'>>({ op: oneOf('watch', 'ports') }, {}),
    ),
    object<As<'shutdown'>>({ op: oneOf('shutdown'), applications: oneOf('leave', 'stop') }, {}),
  ),
);

export interface Request {
  readonly id: number;
  readonly call: Call;
}
export const isRequest = object<Request>({ id: natural, call: isCall }, {});

export interface Hello {
  readonly version: number;
  readonly pid: number;
  /** Absent: one of an earlier version, which does not tell. */
  readonly fences?: readonly FenceSeen[];
}
const isFenceSeen = object<FenceSeen>({ fence: oneOf(...fences) }, { lack: text });
export const isHello = object<Hello>({ version: natural, pid: natural }, { fences: list(isFenceSeen) });

export interface Ports {
  readonly low: number;
  readonly high: number;
  readonly held: number;
}
export const isPorts = object<Ports>({ low: natural, high: natural, held: natural }, {});

/** `ok` ends a call, `problem` ends it too, `item` is one of a stream, `end` the end of a stream. */
export type Reply =
  | { readonly id: number; readonly ok: unknown }
  | { readonly id: number; readonly problem: { readonly code: string; readonly message: string } }
  | { readonly id: number; readonly item: unknown }
  | { readonly id: number; readonly end: true };

const isProblem = object<{ readonly code: string; readonly message: string }>(
  { code: text, message: text },
  {},
);
export const isReply: Is<Reply> = either(
  either(
    object<Extract<Reply, { ok: unknown }>>({ id: natural, ok: anything }, {}),
    object<Extract<Reply, { problem: unknown }>>({ id: natural, problem: isProblem }, {}),
  ),
  either(
    object<Extract<Reply, { item: unknown }>>({ id: natural, item: anything }, {}),
    object<Extract<Reply, { end: true }>>({ id: natural, end: (value): value is true => value === true }, {}),
  ),
);

/** Cuts a byte stream into lines; a line over the bound is an error. */
export function lineReader(onLine: (line: string) => void): (chunk: Buffer) => void {
  let pending: Buffer[] = [];
  let size = 0;
  return (chunk) => {
    let rest = chunk;
    for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10)) {
      const line = Buffer.concat([...pending, rest.subarray(0, end)]).toString('utf8');
      pending = [];
      size = 0;
      rest = rest.subarray(end + 1);
      onLine(line);
    }
    size += rest.length;
    if (size > MAX_LINE_BYTES) throw new Error(`A message is longer than ${MAX_LINE_BYTES} bytes.`);
    if (rest.length > 0) pending.push(rest);
  };
}
