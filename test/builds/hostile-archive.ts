export interface HostileArchive {
  readonly title: string;
  /** `outside` is an existing directory that must stay as it is; `canary` is a file in it. */
  readonly bytes: (outside: string) => Buffer;
  /** The refusal, or undefined where the archive is harmless and taken. */
  readonly refusal?: RegExp;
}

export const ok = { name: 'ok.txt', body: 'fine' };

export const cut = (bytes: Buffer): Buffer => bytes.subarray(0, Math.floor(bytes.length / 2));

/** Incompressible, and the same each time. */
export function noise(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  let state = 42;
  for (let index = 0; index < length; index++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    bytes[index] = state >>> 16;
  }
  return bytes;
}

export function corrupted(bytes: Buffer): Buffer {
  return Buffer.from(bytes).fill(0xff, 60, 200);
}
