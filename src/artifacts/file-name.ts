const MOST_BYTES = 200;

/**
 * What a fetched package is called: the first name with an ending, out of the address that was asked for, the
 * server's own word, and the address that answered. Never a path.
 */
export function packageFileName(asked: URL, disposition: string | undefined, answered: URL): string {
  const names = [lastSegment(asked), named(disposition ?? ''), lastSegment(answered)].map(safeFileName);
  return names.find((name) => /.\.[A-Za-z]/.test(name)) ?? names.find((name) => name !== '') ?? 'package';
}

/** A name that stays in its directory, whoever chose it; '' where nothing is left of it. */
export function safeFileName(name: string): string {
  const last = name.split(/[/\\]/).at(-1) ?? '';
  const clean = last
    .replace(/[\p{Cc}\p{Cf}\p{Cs}]/gu, '')
    .replace(/^\.+/, '')
    .trim();
  return Buffer.byteLength(clean) > MOST_BYTES ? clean.slice(-MOST_BYTES / 4).toWellFormed() : clean;
}

function lastSegment(url: URL): string {
  return decoded(url.pathname.split('/').at(-1) ?? '');
}

function named(disposition: string): string {
  const text = disposition.slice(0, 1000);
  const extended = /filename\*=(?:UTF-8|utf-8)''([^;\s]{1,600})/.exec(text)?.[1];
  if (extended !== undefined) return decoded(extended);
  return /filename="([^"]{1,600})"/.exec(text)?.[1] ?? /filename=([^;"\s]{1,600})/.exec(text)?.[1] ?? '';
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
