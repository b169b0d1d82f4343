import ipaddr from 'ipaddr.js';

/** An IPv4 address range: `base` as an unsigned number with all host bits zero. */
export interface Cidr {
  readonly base: number;
  readonly length: number;
  /** As it is written: four decimal numbers and a length. */
  readonly text: string;
}

/** What is wrong with a text that should be an address range; `suggestion` is the range that was probably meant. */
interface CidrProblem {
  readonly reason: string;
  readonly suggestion?: string;
}

const ADDRESS = /^(0|[1-9]\d{0,2})(\.(0|[1-9]\d{0,2})){3}$/;
const RANGE = /^([0-9.]+)\/(0|[1-9]\d?)$/;

/** The address as an unsigned number; undefined when it is not four decimal numbers up to 255 without leading zeros. */
export function parseAddress(text: string): number | undefined {
  if (!ADDRESS.test(text) || !ipaddr.IPv4.isValid(text)) return undefined;
  const [a = 0, b = 0, c = 0, d = 0] = ipaddr.IPv4.parse(text).octets;
  return ((a * 256 + b) * 256 + c) * 256 + d;
}

/** An unsigned number as an address. */
export function addressText(address: number): string {
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join('.');
}

/** Parses `10.0.0.0/8`; a range whose host bits are not zero is a problem with a suggestion. */
export function parseCidr(text: string): Cidr | CidrProblem {
  const match = RANGE.exec(text);
  const length = Number(match?.[2] ?? 33);
  const address = parseAddress(match?.[1] ?? '');
  if (address === undefined || length > 32) return { reason: 'is not an IPv4 range such as 10.0.0.0/16' };
  const base = (address & maskOf(length)) >>> 0;
  const normal = `${addressText(base)}/${length}`;
  if (base !== address) return { reason: `has host bits that are not zero`, suggestion: normal };
  return { base, length, text: normal };
}

/** The range, or undefined when the text is not one. */
export function cidrOf(text: string): Cidr | undefined {
  const parsed = parseCidr(text);
  return 'reason' in parsed ? undefined : parsed;
}

/** A shift by 32 is a shift by 0 in JavaScript, and `&` gives signed numbers. */
function maskOf(length: number): number {
  return length === 0 ? 0 : (0xffffffff << (32 - length)) >>> 0;
}

/** Whether all of `inner` lies in `outer`. */
export function contains(outer: Cidr, inner: Cidr): boolean {
  return outer.length <= inner.length && (inner.base & maskOf(outer.length)) >>> 0 === outer.base;
}

export function containsAddress(range: Cidr, address: number): boolean {
  return (address & maskOf(range.length)) >>> 0 === range.base;
}

export function overlaps(a: Cidr, b: Cidr): boolean {
  return contains(a, b) || contains(b, a);
}

/** Number of addresses. */
function sizeOf(range: Cidr): number {
  return 2 ** (32 - range.length);
}

/** Addresses of every subnet that Azure keeps for itself. */
export const keptAddresses = 5;

/** Addresses of an Azure subnet that can be given out. */
export function usableAddresses(range: Cidr): number {
  return Math.max(0, sizeOf(range) - keptAddresses);
}

export function lastAddress(range: Cidr): number {
  return range.base + sizeOf(range) - 1;
}

const known = (text: string): Cidr => cidrOf(text) ?? { base: 0, length: 0, text };

/** Ranges that AKS refuses for nodes, pods and Services. */
export const aksReservedRanges: readonly Cidr[] = [
  '169.254.0.0/16',
  '172.30.0.0/16',
  '172.31.0.0/16',
  '192.0.2.0/24',
].map(known);

export const privateRanges: readonly Cidr[] = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16'].map(known);

/** Carrier-grade NAT: not private, but not reachable from elsewhere either. */
export const sharedRange: Cidr = known('100.64.0.0/10');

/** The first free /16 of the private ranges for Services, away from everything known; undefined when there is none. */
export function suggestServiceCidr(taken: readonly Cidr[]): string | undefined {
  const blocked = [...taken, ...aksReservedRanges];
  for (const block of [known('172.16.0.0/12'), known('192.168.0.0/16'), known('10.0.0.0/8')]) {
    for (let base = block.base; base <= lastAddress(block); base += 65_536) {
      const candidate: Cidr = { base, length: 16, text: `${addressText(base)}/16` };
      if (!blocked.some((range) => overlaps(range, candidate))) return candidate.text;
    }
  }
  return undefined;
}
