import type { Launch } from './launch.ts';

/** What is done once at the beginning or the end of a process: a program beside it, or a request to it. */
export type Hook =
  | { readonly type: 'command'; readonly command: readonly string[] }
  /** Goes to the replica's own port; `host` is only said in the header. */
  | { readonly type: 'http'; readonly path: string; readonly host?: string };

/** What the user starts in place of what the runtime would. `$(PORT)` in a word stands for the replica's port. */
export interface Entrypoint {
  readonly command: readonly string[];
  readonly args: readonly string[];
}

export interface Lifecycle {
  readonly entrypoint?: Entrypoint;
  readonly postStart?: Hook;
  readonly preStop?: Hook;
}

/** A command replaces the runtime's whole line; arguments alone follow it. A relative path begins at the package. */
export function withEntrypoint(launch: Launch, entrypoint: Entrypoint | undefined): Launch {
  if (!entrypoint) return launch;
  const args = entrypoint.args.map(withPort);
  const [program, ...words] = entrypoint.command.map(withPort);
  if (program === undefined) return { ...launch, argv: [...launch.argv, ...args] };
  const isRelative = program.includes('/') && !program.startsWith('/');
  // The runtime's own way of asking whether it is ready belongs to what is not started now.
  const { readinessPath: _, ...rest } = launch;
  return {
    ...rest,
    argv: [isRelative ? `${launch.cwd}/${program}` : program, ...words, ...args],
    runtimeVersion: `${launch.runtimeVersion}, started by the entrypoint "${program}"`,
  };
}

const withPort = (word: string): string => word.replaceAll('$(PORT)', '{{port}}');
