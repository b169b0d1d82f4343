import { isMap } from '../objects.ts';

const BINARY_SUFFIXES = ['Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'];
const DECIMAL_SUFFIXES = ['m', '', 'k', 'M', 'G', 'T', 'P', 'E'];
/** Members that are maps of quantities. */
export const QUANTITY_MAPS: ReadonlySet<string> = new Set([
  'limits',
  'requests',
  'capacity',
  'allocatable',
  'podFixed',
]);

/** A copy with quantities in the form the API server stores: `cpu: 1` is "1", `0G` is "0". */
export function withCanonicalQuantities(value: unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => withCanonicalQuantities(item));
  if (!isMap(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [
      name,
      QUANTITY_MAPS.has(name) && isMap(member) ? canonicalMap(member) : withCanonicalQuantities(member),
    ]),
  );
}

function canonicalMap(quantities: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(quantities).map(([name, value]) => [
      name,
      isMap(value) ? withCanonicalQuantities(value) : canonicalQuantity(value),
    ]),
  );
}

function canonicalQuantity(value: unknown): unknown {
  if (typeof value === 'number') return canonicalQuantity(String(value));
  if (typeof value !== 'string') return value;
  if (/^0(?:[EPTGMk]i?|m)?$/.test(value)) return '0';
  const parts = /^([1-9]\d*)(Ki|Mi|Gi|Ti|Pi|Ei|m|k|M|G|T|P|E)?$/.exec(value);
  if (parts === null) return value;
  const suffix = parts[2] ?? '';
  const [suffixes, step] = suffix.endsWith('i') ? [BINARY_SUFFIXES, 1024n] : [DECIMAL_SUFFIXES, 1000n];
  let amount = BigInt(parts[1] ?? '0');
  let at = suffixes.indexOf(suffix);
  for (; at < suffixes.length - 1 && amount % step === 0n; at += 1) amount /= step;
  return `${amount}${suffixes[at] ?? ''}`;
}
