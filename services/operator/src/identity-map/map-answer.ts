import type { MapCounts } from '../identity-mapper.ts';
import type { Refusal } from '../responses.ts';

/** A request that was mapped: the whole JSON document as UTF-8 bytes, and what it came to. */
export interface MapSuccess {
  readonly ok: true;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly counts: MapCounts;
}

export type MapAnswer = MapSuccess | Refusal;

/** Work that pauses after every slice, so that whoever runs it can do something else in between. */
export type Slices<T> = Generator<undefined, T, undefined>;

/** Runs to the end without pause. */
export function runAtOnce<T>(slices: Slices<T>): T {
  let step = slices.next();
  while (step.done !== true) step = slices.next();
  return step.value;
}

/** Looks at a request once it is known to be well formed; a refusal ends it. */
export type Check = () => Refusal | undefined;
