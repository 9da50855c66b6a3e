/** The values of Connection that name no other header. */
export function namesNothing(connection: string): boolean {
  return (
    connection === 'keep-alive' ||
    connection === 'close' ||
    connection === 'Keep-Alive' ||
    connection === 'Close'
  );
}

/** Headers that Connection names are for one hop only; those that frame or route the message are not its to name. */
export function withoutNamed(headers: readonly string[], connection: string): string[] {
  const named = new Set(connection.split(',').map((name) => name.trim().toLowerCase()));
  named.delete('content-length');
  named.delete('host');
  const kept: string[] = [];
  for (let index = 0; index + 1 < headers.length; index += 2) {
    const name = headers[index] ?? '';
    if (!named.has(name.toLowerCase())) kept.push(name, headers[index + 1] ?? '');
  }
  return kept;
}
