import { isMap } from '../objects.ts';

const QUANTITY_MAPS = new Set(['limits', 'requests', 'capacity', 'allocatable', 'podFixed']);

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

/** A copy without members that are null: in built-in kinds null means absent. */
export function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => withoutNulls(item));
  if (!isMap(value)) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, member]) => (member === null ? [] : [[name, withoutNulls(member)]])),
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
  if (typeof value === 'number') return String(value);
  if (typeof value !== 'string') return value;
  if (/^0(?:[EPTGMk]i?|m)?$/.test(value)) return '0';
  const thousandths = /^([1-9]\d*)000m$/.exec(value);
  return thousandths?.[1] ?? value;
}
