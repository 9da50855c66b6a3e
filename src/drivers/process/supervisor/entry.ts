import type { Bounds } from './bound-numbers.ts';
import type { Namespace } from './namespace.ts';
import { tool } from './tools.ts';

/** What fences a process of a replica in, from its first instruction on. */
export interface Entry {
  readonly namespace: Namespace | undefined;
  /** Files of the cgroups that a process joins by writing to them. */
  readonly cgroupFiles: readonly string[];
  /** Absent: the platform's own user. */
  readonly user: number | undefined;
  /** The group of its build, where that has one of its own. */
  readonly buildGroup: number | undefined;
  /** Open files and sockets of one process; absent: as many as the platform may have. */
  readonly mostDescriptors: number | undefined;
  readonly isEndedFirst: boolean;
}

/** Files and sockets of one process: enough for a busy server, too few to make looking at them slow. */
const MAX_DESCRIPTORS = 8192;
/** A program that is refused one more knows what to do; one that is ended for what all hold does not. */
export const descriptorsOfProcess = ({ descriptors }: Pick<Bounds, 'descriptors'>): number =>
  Math.min(MAX_DESCRIPTORS, descriptors);
/** Where the machine runs out of memory: after the steps of builds (1000), before the platform (0). */
const OOM_SCORE = 500;
/** What the stub ends with where a fence could not be had. */
export const NOT_FENCED = 125;

/**
 * The process steps into its cgroups by itself: the supervisor is never a member of any. What follows is started
 * within the limits, so it is the application that waits where there is no processor time or memory left.
 */
const STUB = `
score=$1 files=$2; shift 2
while [ "$1" != -- ]; do echo 0 >"$1" || exit ${NOT_FENCED}; shift; done; shift
[ -z "$score" ] || echo "$score" >/proc/self/oom_score_adj || exit ${NOT_FENCED}
[ -z "$files" ] || ulimit -n "$files" 2>/dev/null || [ "$(ulimit -n)" -le "$files" ] || exit ${NOT_FENCED}
exec "$@"`;

/**
 * The words that start `inner` inside. Up to there every program runs with the platform's own environment; the rights
 * of root end with setpriv, and `inner` runs without them. nsenter stays as the parent and ends as its child ends.
 */
export function entryWords(entry: Entry, inner: readonly string[]): readonly string[] {
  const { namespace, cgroupFiles, user, buildGroup, mostDescriptors, isEndedFirst } = entry;
  const score = isEndedFirst ? String(OOM_SCORE) : '';
  const files = mostDescriptors === undefined ? '' : String(mostDescriptors);
  const isStubNeeded = cgroupFiles.length > 0 || score !== '' || files !== '';
  const groups = [user, buildGroup].filter((group) => group !== undefined);
  return [
    ...(namespace ? [tool('nsenter'), ...namespace.words, '--'] : []),
    ...(isStubNeeded ? ['/bin/sh', '-c', STUB, 'openstage-entry', score, files, ...cgroupFiles, '--'] : []),
    ...(isForked(entry) ? [tool('setsid')] : []),
    ...(user === undefined
      ? []
      : [
          ...[tool('setpriv'), `--reuid=${user}`, `--regid=${user}`, `--groups=${groups.join(',')}`],
          ...['--no-new-privs', '--inh-caps=-all', '--bounding-set=-all', '--'],
        ]),
    ...inner,
  ];
}

/** The process that was started is the parent of the application, and not the application itself. */
export const isForked = ({ namespace }: Entry): boolean => namespace?.kinds.includes('pid') === true;
