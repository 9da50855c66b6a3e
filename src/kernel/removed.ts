import { fstatSync, openSync } from 'node:fs';

const LOOK_MS = 1_000;

/**
 * Calls `removed` once the directory was deleted, not where it was only moved: another of its name may be there by
 * then, whose processes know nothing of these.
 */
export function onceRemoved(directory: string, removed: () => void): void {
  const held = openSync(directory, 'r');
  const timer = setInterval(() => {
    if (fstatSync(held).nlink > 0) return;
    clearInterval(timer);
    removed();
  }, LOOK_MS).unref();
}
