import ipaddr from 'ipaddr.js';

/** Where clouds answer their own machines, some of it among public addresses. */
const metadata: ReadonlySet<string> = new Set([
  '169.254.169.254',
  '169.254.170.2',
  '100.100.100.200',
  '168.63.129.16',
  '192.0.0.192',
  'fd00:ec2::254',
  'fd20:ce::254',
]);

/** ipaddr.js's names of ranges, in words. A range without a word here is refused as "reserved". */
const words: Readonly<Record<string, string>> = {
  unspecified: 'an unspecified address',
  broadcast: 'a broadcast address',
  multicast: 'a multicast address',
  linkLocal: 'a link-local address',
  loopback: 'a loopback address',
  carrierGradeNat: 'a carrier-grade NAT address',
  private: 'a private address',
  uniqueLocal: 'a private address',
  deprecatedSiteLocal: 'a private address',
  ipv4Mapped: 'an IPv4-mapped address',
  rfc6145: 'an IPv4-translated address',
  rfc6052: 'a NAT64 address',
  '6to4': 'a 6to4 address',
  teredo: 'a Teredo address',
};

const GLOBAL_UNICAST = ipaddr.parseCIDR('2000::/3');
const IPV4_COMPATIBLE = ipaddr.parseCIDR('::/96');

/**
 * Why the platform must not connect to an address on a caller's word, as in "a loopback address"; undefined where it may.
 * Only what is known to be public passes, so that a range assigned tomorrow is refused until somebody looks at it.
 */
export function forbiddenKind(address: string): string | undefined {
  if (!ipaddr.isValid(address)) return 'not an address';
  const parsed = ipaddr.parse(address);
  if (metadata.has(parsed.toString())) return 'a metadata address';
  const range = parsed.range();
  if (range !== 'unicast') {
    return words[range] ?? 'a reserved address';
  }
  if (parsed.kind() === 'ipv4') return undefined;
  if (parsed.match(IPV4_COMPATIBLE)) return 'an IPv4-compatible address';
  return parsed.match(GLOBAL_UNICAST) ? undefined : 'a reserved address';
}

/** A block of addresses, as "10.0.0.0/8" or a single address. */
export interface AddressRange {
  readonly base: string;
  readonly bits: number;
}

/** undefined where the text is neither an address nor a range. IPv4 in its full dotted form only. */
export function parseAddressRange(text: string): AddressRange | undefined {
  const isFull = ipaddr.IPv4.isValidFourPartDecimal(text.split('/')[0] ?? '') || text.includes(':');
  if (!isFull) return undefined;
  if (ipaddr.isValidCIDR(text)) {
    const [base, bits] = ipaddr.parseCIDR(text);
    return { base: base.toString(), bits };
  }
  if (!ipaddr.isValid(text)) return undefined;
  const base = ipaddr.parse(text);
  return { base: base.toString(), bits: base.kind() === 'ipv4' ? 32 : 128 };
}

export function isWithin(address: string, range: AddressRange): boolean {
  if (!ipaddr.isValid(address)) return false;
  const parsed = ipaddr.parse(address);
  const base = ipaddr.parse(range.base);
  return parsed.kind() === base.kind() && parsed.match(base, range.bits);
}

/** One spelling per address, so that two can be compared as text. */
export const canonicalAddress = (address: string): string =>
  ipaddr.isValid(address) ? ipaddr.parse(address).toString() : address;
