/** Where time comes from: milliseconds since the Unix epoch. A parameter everywhere, so tests can move it. */
export type Clock = () => number;

/** A source of random bytes, `length` of them per call. A parameter everywhere outside adapters. */
export interface RandomBytes {
  (length: number): Uint8Array;
  /** Whether nobody cares who gets which bytes, so that they may be taken before they are needed. Known sequences are not. */
  readonly isUnordered?: boolean;
}
