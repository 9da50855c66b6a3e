import { appendFileSync } from 'node:fs';
import { LOG_PARTS } from '../../../domain/replica-bounds.ts';
import { olderPart, rotate, sizeOf } from './logs.ts';

const MIB = 1024 ** 2;
const CALM_MS = 1000;
const BUSY_MS = 50;
/** A log that grew by this share of its bound since the last look is looked at more often. */
const BUSY_SHARE = 0.1;

/** Keeps the logs of all replicas within their bound; how often it looks depends on how fast they grow. */
export function keepLogsBounded(
  paths: () => readonly string[],
  maxBytes: number,
  also: () => void,
): () => void {
  let timer: NodeJS.Timeout | undefined;
  let isStopped = false;
  let sizes = new Map<string, number>();
  const look = async () => {
    let isBusy = false;
    const seen = new Map<string, number>();
    for (const path of paths()) {
      const size = sizeOf(path);
      if (size - (sizes.get(path) ?? 0) > maxBytes * BUSY_SHARE) isBusy = true;
      if (size > maxBytes) await tryRotate(path, maxBytes);
      if (isStopped) return;
      seen.set(path, size > maxBytes ? 0 : size);
    }
    sizes = seen;
    also();
    timer = setTimeout(begin, isBusy ? BUSY_MS : CALM_MS);
  };
  const begin = () =>
    void look().catch((error: unknown) => {
      throw error;
    });
  begin();
  return () => {
    isStopped = true;
    clearTimeout(timer);
  };
}

async function tryRotate(path: string, maxBytes: number): Promise<void> {
  try {
    const isLost = sizeOf(olderPart(path)) > 0;
    await rotate(path, maxBytes);
    if (isLost) tell(path, maxBytes);
  } catch {
    // It was removed meanwhile, or the disk is full; the next look tries again.
  }
}

/** Whoever looks for an older line finds out why it is gone. */
function tell(path: string, maxBytes: number): void {
  const bound = `${Number(((LOG_PARTS * maxBytes) / MIB).toFixed(2))} MiB`;
  appendFileSync(path, `openstage: the log has reached its bound of ${bound}: its oldest lines are gone\n`);
}
