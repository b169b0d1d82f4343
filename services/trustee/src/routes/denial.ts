import { isJsonObject, trustTier } from '@holdfast/attestation';
import type { JsonObject, JsonValue } from '@holdfast/attestation';
import { PolicyError } from '@holdfast/base';

import { tokenIdOf } from '../events.ts';

const MAX_PARTS = 16;

/**
 * Why the resource policy said no, for the log: what each part of the guest was found to be. The line that issued the token, with
 * the same `tokenId`, has the reference values.
 * @param claims of the token
 */
export function denialOf(claims: JsonObject, token: string): PolicyError {
  const submods = claims['submods'];
  const parts = Object.entries(isJsonObject(submods) ? submods : {}).slice(0, MAX_PARTS);
  const found = parts.map(([name, part]) => `${name} is ${isJsonObject(part) ? standingOf(part) : 'not appraised'}`);
  const what = found.length === 0 ? 'the token names no parts of a guest' : found.join('; ');
  return new PolicyError('TRUSTEE_RESOURCE_DENIED', `the resource policy does not allow it: ${what}`, {
    details: { tokenId: tokenIdOf(token) },
  });
}

function standingOf(part: JsonObject): string {
  const status = part['ear.status'];
  const claims = notable(part['ear.trustworthiness-vector']);
  return `${typeof status === 'string' ? status : 'not appraised'}${claims.length === 0 ? '' : ` (${claims.join(', ')})`}`;
}

/** Claims that are made and do not affirm. */
function notable(vector: JsonValue | undefined): readonly string[] {
  return Object.entries(isJsonObject(vector) ? vector : {}).flatMap(([claim, value]) =>
    typeof value === 'number' && value !== 0 && trustTier(value) !== 'affirming' ? [`${claim} ${value}`] : [],
  );
}
