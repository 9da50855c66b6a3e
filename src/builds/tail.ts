import { textFromCut } from '../domain/text-end.ts';

const MAX_LINE = 2000;

/** The end of an endless output, within a bound. */
export class Tail {
  readonly #maxBytes: number;
  #chunks: Buffer[] = [];
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  add(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    // Cut only at twice the bound, so that each byte is copied at most twice.
    if (this.#bytes > 2 * this.#maxBytes) {
      const kept = Buffer.from(Buffer.concat(this.#chunks).subarray(-this.#maxBytes));
      this.#chunks = [kept];
      this.#bytes = kept.length;
    }
  }

  text(): string {
    return textFromCut(Buffer.concat(this.#chunks).subarray(-this.#maxBytes));
  }

  /** Without colours and what else a terminal would obey. */
  lines(most: number): readonly string[] {
    return this.text()
      .split(/\r?\n|\r/)
      .map((line) =>
        line
          .replace(/\p{Cc}\[[\d;]{0,20}[A-Za-z]/gu, '')
          .replace(/\p{Cc}/gu, ' ')
          .slice(0, MAX_LINE),
      )
      .filter((line) => line.trim() !== '')
      .slice(-most);
  }
}
