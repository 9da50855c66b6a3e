const isTerminal = process.stdout.isTTY && process.env['NO_COLOR'] === undefined;

const style = (code: number) => (text: string) => (isTerminal ? `\u001B[${code}m${text}\u001B[0m` : text);
export const bold = style(1);
export const dim = style(2);
export const green = style(32);
export const red = style(31);

const WIDTH = 160;

export const say = (text = ''): void => console.log(text);
export const title = (text: string): void => say(`\n${bold(text)}`);
export const shorten = (text: string): string =>
  text.length > WIDTH ? `${text.slice(0, WIDTH - 1)}…` : text;

/** How a line begins that tells nothing yet. */
export const WAITING = '  ·';

/** Lines that are rewritten where the output is a terminal, and printed once each where it is not. */
export class LiveLines {
  #shown: readonly string[] = [];
  readonly #printed = new Set<string>();

  show(lines: readonly string[]): void {
    if (!isTerminal) {
      for (const line of lines.filter((each) => !each.startsWith(WAITING) && !this.#printed.has(each))) {
        this.#printed.add(line);
        say(line);
      }
      return;
    }
    if (this.#shown.length > 0) process.stdout.write(`\u001B[${this.#shown.length}A`);
    for (const line of lines) process.stdout.write(`\u001B[2K${shorten(line)}\n`);
    this.#shown = lines;
  }
}
