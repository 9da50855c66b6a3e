import { rotate, sizeOf } from './logs.ts';

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
  let timer: NodeJS.Timeout;
  let sizes = new Map<string, number>();
  const look = () => {
    let isBusy = false;
    const seen = new Map<string, number>();
    for (const path of paths()) {
      const size = sizeOf(path);
      if (size - (sizes.get(path) ?? 0) > maxBytes * BUSY_SHARE) isBusy = true;
      if (size > maxBytes) tryRotate(path, maxBytes);
      seen.set(path, size > maxBytes ? 0 : size);
    }
    sizes = seen;
    also();
    timer = setTimeout(look, isBusy ? BUSY_MS : CALM_MS);
  };
  look();
  return () => clearTimeout(timer);
}

function tryRotate(path: string, maxBytes: number): void {
  try {
    rotate(path, maxBytes);
  } catch {
    // It was removed meanwhile, or the disk is full; the next look tries again.
  }
}
