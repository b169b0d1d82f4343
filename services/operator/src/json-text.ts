import { replaceUnpairedSurrogates } from '@holdfast/uid2';

/** Anything that JSON text must escape, and surrogates, which need a closer look. */
// eslint-disable-next-line no-control-regex -- control characters are what JSON escapes
const NEEDS_CARE = /["\\\u0000-\u001f\ud800-\udfff]/;

/**
 * A JSON string literal. Identifiers practically never need escaping, and testing for that is cheaper than escaping them.
 * An unpaired surrogate comes out as `?`, as the reference writes it.
 */
export function jsonText(text: string): string {
  return NEEDS_CARE.test(text) ? JSON.stringify(replaceUnpairedSurrogates(text)) : `"${text}"`;
}
