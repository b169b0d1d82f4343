import { PolicyError } from '@holdfast/base';

/** The claims of a trustworthiness vector, in the order tokens list them (draft-ietf-rats-ar4si, section 2.3). */
export const TRUST_CLAIMS = [
  'instance-identity',
  'configuration',
  'executables',
  'file-system',
  'hardware',
  'runtime-opaque',
  'storage-opaque',
  'sourced-data',
] as const;

export type TrustClaimName = (typeof TRUST_CLAIMS)[number];

/** Values from -128 to 127. */
export type TrustVector = Readonly<Partial<Record<TrustClaimName, number>>>;

/** From best known to worst; `none` says that nothing is claimed. */
export const TRUST_TIERS = ['none', 'affirming', 'warning', 'contraindicated'] as const;

export type TrustTier = (typeof TRUST_TIERS)[number];

/** The tier of one value: -1 to 1 none, then 2 to 31, 32 to 95, and beyond, on both sides of zero. */
export function trustTier(value: number): TrustTier {
  if (value >= -1 && value <= 1) return 'none';
  if (value >= -32 && value <= 31) return 'affirming';
  return value >= -96 && value <= 95 ? 'warning' : 'contraindicated';
}

/** The worst tier of a vector: `ear.status` of a submodule. */
export function trustStatus(vector: TrustVector): TrustTier {
  const ranks = Object.values(vector).map((value) => TRUST_TIERS.indexOf(trustTier(value)));
  return TRUST_TIERS[Math.max(0, ...ranks)] ?? 'contraindicated';
}

/**
 * Reads what an appraisal policy claims.
 * @throws PolicyError EAR_CLAIM_UNKNOWN, EAR_CLAIM_OUT_OF_RANGE
 */
export function readTrustVector(claims: Readonly<Record<string, unknown>>): TrustVector {
  const known: readonly string[] = TRUST_CLAIMS;
  for (const [name, value] of Object.entries(claims)) {
    if (!known.includes(name)) throw new PolicyError('EAR_CLAIM_UNKNOWN', `"${name}" is no claim of a trust vector.`);
    if (typeof value !== 'number' || !Number.isInteger(value) || value < -128 || value > 127) {
      throw new PolicyError('EAR_CLAIM_OUT_OF_RANGE', `"${name}" is not an integer from -128 to 127.`);
    }
  }
  const present = TRUST_CLAIMS.filter((name) => claims[name] !== undefined);
  return Object.fromEntries(present.map((name) => [name, claims[name] as number]));
}
