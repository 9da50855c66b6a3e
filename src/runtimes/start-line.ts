/** A start line as words; `needsShell` names what only a shell understands. */
export type StartLine = { readonly words: readonly string[] } | { readonly needsShell: string };

const SHELL_CHARACTERS = new Set('|&;<>()`*?[]{}!#\n');

/**
 * Splits a line as a shell would, as far as quotes, backslashes and $PORT go. Everything else that a shell would act
 * on makes it a line for a shell, so that nothing is ever taken literally that its author meant otherwise.
 */
export function splitStartLine(line: string): StartLine {
  const words: string[] = [];
  let word: string | undefined;
  let quote: '"' | "'" | undefined;
  for (let at = 0; at < line.length; at += 1) {
    const letter = line.charAt(at);
    if (quote === "'") {
      if (letter === quote) quote = undefined;
      else word += letter;
    } else if (letter === '$') {
      const port = /^\$(?:PORT(?![A-Za-z0-9_])|\{PORT\})/.exec(line.slice(at))?.[0];
      if (port === undefined) return { needsShell: line.slice(at).split(/\s/)[0] ?? '$' };
      word = `${word ?? ''}{{port}}`;
      at += port.length - 1;
    } else if (letter === '`') {
      return { needsShell: letter };
    } else if (letter === '\\') {
      const next = line.charAt(at + 1);
      if (next === '' || next === '\n') return { needsShell: letter };
      if (quote === '"' && !'"\\$`'.includes(next)) word += letter;
      else {
        word = `${word ?? ''}${next}`;
        at += 1;
      }
    } else if (quote === '"') {
      if (letter === quote) quote = undefined;
      else word += letter;
    } else if (letter === '"' || letter === "'") {
      quote = letter;
      word ??= '';
    } else if (SHELL_CHARACTERS.has(letter) || (letter === '~' && word === undefined)) {
      return { needsShell: letter };
    } else if (letter === ' ' || letter === '\t') {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = `${word ?? ''}${letter}`;
  }
  if (quote !== undefined) return { needsShell: quote };
  if (word !== undefined) words.push(word);
  const assignment = /^[A-Za-z_][A-Za-z0-9_]*=/.exec(words[0] ?? '')?.[0];
  return assignment === undefined ? { words } : { needsShell: assignment };
}
