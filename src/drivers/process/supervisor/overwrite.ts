import { closeSync, fstatSync, openSync, writeSync } from 'node:fs';

/** Of which `blocks` counts. */
const BLOCK_BYTES = 512;

/**
 * Where the disk is full: over the old content, in the blocks that the file has already, so that what runs can still be
 * ended and started again. A single call: the end of this process leaves the old or the new. False: there is no such
 * file, or the content does not fit.
 */
export function overwrite(path: string, content: string): boolean {
  let file: number | undefined;
  try {
    file = openSync(path, 'r+');
    const { size, blocks } = fstatSync(file);
    const bytes = Buffer.from(content);
    if (bytes.length > blocks * BLOCK_BYTES) return false;
    // Blanks after it mean nothing in JSON.
    const whole = Buffer.concat([bytes, Buffer.alloc(Math.max(0, size - bytes.length), ' ')]);
    return writeSync(file, whole, 0, whole.length, 0) === whole.length;
  } catch {
    return false;
  } finally {
    if (file !== undefined) closeSync(file);
  }
}
