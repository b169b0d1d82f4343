import type { SaltTable } from '../salts/salt-table.ts';

/** Key ids have 24 bits. */
const KEY_ID_COUNT = 2 ** 24;

/**
 * The ids of new key material, one after another. They go on after the highest id among the buckets updated last; after
 * 16,777,215 they go on in the first gap of those ids, and count around.
 */
export function saltKeyIds(table: SaltTable): () => number {
  let next = firstKeyId(table);
  return () => {
    const id = next;
    next = (next + 1) % KEY_ID_COUNT;
    return id;
  };
}

function firstKeyId(table: SaltTable): number {
  let newest = -Infinity;
  let ids: number[] = [];
  for (let index = 0; index < table.size; index += 1) {
    const key = table.currentKey(index);
    const updated = table.lastUpdated(index);
    if (key === undefined || updated < newest) continue;
    if (updated > newest) ids = [];
    newest = updated;
    ids.push(key.id);
  }
  if (ids.length === 0) return 0;
  ids.sort((a, b) => a - b);
  const highest = ids.at(-1) ?? 0;
  if (highest + 1 < KEY_ID_COUNT) return highest + 1;
  const beforeGap = ids.find((id, index) => index + 1 < ids.length && (ids[index + 1] ?? 0) > id + 1);
  return beforeGap === undefined ? 0 : beforeGap + 1;
}
