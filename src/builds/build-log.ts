import { StringDecoder } from 'node:string_decoder';
import { Tail } from './tail.ts';

const HEAD_BYTES = 256 * 1024;
const TAIL_BYTES = 768 * 1024;
const LINE_BYTES = 64 * 1024;

/** All that a build printed, by whole lines, within a bound: of a longer one the beginning and the end. */
export class BuildLog {
  readonly #masked: (line: string) => string;
  readonly #noted: (line: string) => void;
  /** A character may come in two pieces. */
  readonly #decoder = new StringDecoder('utf8');
  readonly #tail = new Tail(TAIL_BYTES);
  #head = '';
  #left = 0;
  #pending = '';

  /** `masked` takes out what must not be kept; `noted` hears each line. */
  constructor(masked: (line: string) => string, noted: (line: string) => void = () => undefined) {
    this.#masked = masked;
    this.#noted = noted;
  }

  /** Output of a step. */
  add(chunk: Buffer): void {
    const lines = (this.#pending + this.#decoder.write(chunk)).split(/\r\n|\n|\r/);
    this.#pending = lines.pop() ?? '';
    for (const line of lines) this.line(line);
    if (this.#pending.length > LINE_BYTES) this.flush();
  }

  /** A last line that nobody ended. */
  flush(): void {
    if (this.#pending !== '') this.line(this.#pending);
    this.#pending = '';
  }

  line(text: string): void {
    const clean = this.#masked(
      text.replace(/\p{Cc}\[[\d;]{0,20}[A-Za-z]/gu, '').replace(/[^\P{Cc}\t]/gu, ''),
    ).toWellFormed();
    if (clean.trim() !== '') this.#noted(clean);
    if (this.#left === 0 && this.#head.length + clean.length < HEAD_BYTES) {
      this.#head += `${clean}\n`;
      return;
    }
    const bytes = Buffer.from(`${clean}\n`);
    this.#left += bytes.length;
    this.#tail.add(bytes);
  }

  text(): string {
    this.flush();
    const cut = this.#left - TAIL_BYTES;
    const end = this.#tail.text();
    return cut > 0 ? `${this.#head}[… ${cut} bytes are left out here …]\n${end}` : this.#head + end;
  }

  lastLines(most: number): readonly string[] {
    return this.text()
      .split('\n')
      .filter((line) => line.trim() !== '')
      .slice(-most)
      .map((line) => line.slice(0, LAST_LINE_CHARACTERS));
  }
}

const LAST_LINE_CHARACTERS = 1000;
