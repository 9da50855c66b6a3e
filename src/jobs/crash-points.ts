/**
 * The engine names its dangerous instants as it passes them: `before:<task>`, `during:<task>`, `after:<task>`,
 * `before-undo:<task>`, `after-undo:<task>`; the last task's are those of the write that ends the job.
 */
export type CrashPoint = (name: string) => void;

const DURING_MS = 10;

/**
 * Kills the process at the named instant; `+<ms>` behind the name kills that much later, by default 10 ms for `during:`.
 * Without a name nothing ever happens.
 */
export function crashAt(named: string | undefined, kill: () => void = killSelf): CrashPoint {
  if (named === undefined || named === '') return () => {};
  const [, name, delay] = /^(.+?)(?:\+(\d+))?$/.exec(named) ?? [];
  const delayMs = delay === undefined ? (named.startsWith('during:') ? DURING_MS : 0) : Number(delay);
  return (passed) => {
    if (passed !== name) return;
    if (delayMs === 0) kill();
    else setTimeout(kill, delayMs);
  };
}

function killSelf(): void {
  process.kill(process.pid, 'SIGKILL');
}
