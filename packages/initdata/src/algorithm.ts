/** Digest algorithms of the initdata specification, lower case as documents have them. */
export const INITDATA_ALGORITHMS = ['sha256', 'sha384', 'sha512'] as const;

export type InitdataAlgorithm = (typeof INITDATA_ALGORITHMS)[number];

export function isInitdataAlgorithm(name: unknown): name is InitdataAlgorithm {
  return INITDATA_ALGORITHMS.some((known) => known === name);
}
