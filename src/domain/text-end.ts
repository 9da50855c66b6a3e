const isContinuation = (byte: number | undefined): boolean => byte !== undefined && (byte & 0xc0) === 0x80;
/** A character of UTF-8 has so many bytes behind its first. */
const MOST_CONTINUATION = 3;

/** The end of a text whose beginning was cut away at any byte, from its first whole character on. */
export function textFromCut(bytes: Buffer): string {
  let at = 0;
  while (at < MOST_CONTINUATION && isContinuation(bytes[at])) at += 1;
  return bytes.toString('utf8', at);
}
