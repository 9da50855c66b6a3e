import { crc32, deflateRawSync, gzipSync } from 'node:zlib';

/** One entry of a tar, byte by byte; whatever is absent is as an honest archive would have it. */
export interface TarPiece {
  readonly name: string;
  /** "0" file, "1" hard link, "2" symbolic link, "3" and "4" devices, "5" directory, "6" FIFO … */
  readonly type?: string;
  readonly body?: Buffer | string;
  readonly link?: string;
  readonly mode?: number;
  /** The header's word for the length of the body. */
  readonly claimed?: number;
  readonly prefix?: string;
  readonly pax?: Readonly<Record<string, string>>;
  /** GNU's way to a long name, and to a long link. */
  readonly longName?: string;
  readonly longLink?: string;
  readonly hasWrongSum?: boolean;
}

const BLOCK = 512;

function header(piece: TarPiece, size: number): Buffer {
  const block = Buffer.alloc(BLOCK);
  block.write(piece.name, 0, 100, 'utf8');
  block.write(octal(piece.mode ?? 0o644, 7), 100);
  block.write(octal(0, 7), 108);
  block.write(octal(0, 7), 116);
  block.write(octal(piece.claimed ?? size, 11), 124);
  block.write(octal(0, 11), 136);
  block.write(piece.type ?? '0', 156, 1, 'latin1');
  block.write(piece.link ?? '', 157, 100, 'utf8');
  block.write('ustar\u000000', 257, 'latin1');
  block.write(piece.prefix ?? '', 345, 155, 'utf8');
  block.fill(' ', 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${octal(piece.hasWrongSum ? sum + 1 : sum, 6)}\0 `, 148);
  return block;
}

const octal = (value: number, digits: number): string => value.toString(8).padStart(digits, '0');

function padded(body: Buffer): Buffer {
  return Buffer.concat([body, Buffer.alloc((BLOCK - (body.length % BLOCK)) % BLOCK)]);
}

function paxBody(records: Readonly<Record<string, string>>): Buffer {
  const lines = Object.entries(records).map(([key, value]) => {
    const rest = ` ${key}=${value}\n`;
    const bare = Buffer.byteLength(rest);
    const length = bare + String(bare + String(bare).length).length;
    return `${length}${rest}`;
  });
  return Buffer.from(lines.join(''));
}

function tarPiece(piece: TarPiece): Buffer {
  const meta: Buffer[] = [];
  const add = (type: string, body: Buffer) =>
    meta.push(header({ name: 'meta', type }, body.length), padded(body));
  if (piece.longName !== undefined) add('L', Buffer.from(`${piece.longName}\0`));
  if (piece.longLink !== undefined) add('K', Buffer.from(`${piece.longLink}\0`));
  if (piece.pax) add('x', paxBody(piece.pax));
  const body = Buffer.from(piece.body ?? '');
  return Buffer.concat([...meta, header(piece, body.length), padded(body)]);
}

export const tar = (pieces: readonly TarPiece[]): Buffer =>
  Buffer.concat([...pieces.map(tarPiece), Buffer.alloc(2 * BLOCK)]);

export const tarGz = (pieces: readonly TarPiece[]): Buffer => gzipSync(tar(pieces));

/** One entry of a ZIP, byte by byte. */
export interface ZipPiece {
  readonly name: string | Buffer;
  readonly body?: Buffer | string;
  /** As Unix has it, with the type's bits; shifted into the external attributes. */
  readonly mode?: number;
  readonly madeBy?: number;
  readonly flags?: number;
  readonly method?: number;
  /** What the table of contents says instead of the truth. */
  readonly claimed?: number;
  readonly sum?: number;
  readonly extra?: Buffer;
  /** What the header before the body says instead of the table of contents. */
  readonly localName?: string;
}

const UTF8_NAMES = 0x800;

export function zipOf(pieces: readonly ZipPiece[], claimedEntries = pieces.length): Buffer {
  const locals: Buffer[] = [];
  const centrals: Buffer[] = [];
  let offset = 0;
  for (const piece of pieces) {
    const body = Buffer.from(piece.body ?? '');
    const method = piece.method ?? 8;
    const packed = method === 8 ? deflateRawSync(body) : body;
    const name = Buffer.from(piece.name);
    const localName = Buffer.from(piece.localName ?? name);
    const extra = piece.extra ?? Buffer.alloc(0);
    const shared = (nameLength: number, extraLength: number) => {
      const block = Buffer.alloc(26);
      block.writeUInt16LE(20, 0);
      block.writeUInt16LE(piece.flags ?? UTF8_NAMES, 2);
      block.writeUInt16LE(method, 4);
      block.writeUInt32LE(piece.sum ?? crc32(body), 10);
      block.writeUInt32LE(packed.length, 14);
      block.writeUInt32LE(piece.claimed ?? body.length, 18);
      block.writeUInt16LE(nameLength, 22);
      block.writeUInt16LE(extraLength, 24);
      return block;
    };
    const local = Buffer.concat([words(0x04034b50), shared(localName.length, 0), localName, packed]);
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE(((piece.mode ?? 0o100644) << 16) >>> 0, 6);
    rest.writeUInt32LE(offset, 10);
    const madeBy = Buffer.alloc(2);
    madeBy.writeUInt16LE(piece.madeBy ?? 0x314);
    locals.push(local);
    centrals.push(words(0x02014b50), madeBy, shared(name.length, extra.length), rest, name, extra);
    offset += local.length;
  }
  const central = Buffer.concat(centrals);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(claimedEntries & 0xffff, 4);
  end.writeUInt16LE(claimedEntries & 0xffff, 6);
  end.writeUInt32LE(central.length, 8);
  end.writeUInt32LE(offset, 12);
  return Buffer.concat([...locals, central, words(0x06054b50), end]);
}

/** Info-ZIP's second, Unicode name of an entry, which readers prefer to the first. */
export function unicodeName(plain: string, other: string): Buffer {
  const data = Buffer.concat([Buffer.from([1]), words(crc32(Buffer.from(plain))), Buffer.from(other)]);
  const head = Buffer.alloc(4);
  head.writeUInt16LE(0x7075, 0);
  head.writeUInt16LE(data.length, 2);
  return Buffer.concat([head, data]);
}

function words(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}
