import type { SaltTable } from '@holdfast/uid2';

import type { JsonBytes } from './json-bytes.ts';

/** Prefixes that JSON writes as they are. */
const PLAIN_TEXT = /^[\w .-]*$/;
const QUOTE = 0x22;

/** Writes the bucket id of one salt entry as a JSON string literal. */
export type WriteBucketId = (out: JsonBytes, index: number) => void;

/** How the bucket ids of a table are written: without a string in between, unless their prefix needs escaping. */
export function bucketIdLiterals(table: SaltTable): WriteBucketId {
  if (!PLAIN_TEXT.test(table.bucketIdPrefix)) return (out, index) => void out.string(table.bucketId(index));
  const most = table.maxBucketIdLength + 2;
  return (out, index) => {
    const start = out.room(most);
    const { memory } = out;
    memory[start] = QUOTE;
    const length = table.writeBucketId(index, memory, start + 1);
    memory[start + 1 + length] = QUOTE;
    out.wrote(length + 2);
  };
}
