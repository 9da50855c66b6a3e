import { list, natural, object, oneOf, text } from './shape.ts';

/** Kinds of namespaces as /proc/<pid>/ns names them. */
export const kinds = ['mnt', 'pid', 'ipc'] as const;
export type Kind = (typeof kinds)[number];

/** The process that keeps the namespaces of a replica: when it ends, the kernel ends everything in them. */
export interface HolderRecord {
  readonly pid: number;
  readonly start: string;
  readonly kinds: readonly Kind[];
}
export const isHolderRecord = object<HolderRecord>(
  { pid: natural, start: text, kinds: list(oneOf(...kinds)) },
  {},
);
