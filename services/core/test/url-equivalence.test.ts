import { loadVectors } from '@holdfast/base/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { areEquivalentUrls } from '../src/attestation/url-equivalence.ts';

interface EquivalenceVector {
  readonly id: string;
  readonly equal: [string, string][];
  readonly not_equal: [string, string][];
  readonly invalid: [string, string][];
}
const vector = (loadVectors('uid2-core.json') as { vectors: EquivalenceVector[] } | undefined)?.vectors.find(
  (entry) => entry.id === 'attestation-url-equivalence',
);

describe.skipIf(vector === undefined)('known answers', () => {
  it('attestation-url-equivalence', () => {
    for (const [one, other] of vector?.equal ?? []) expect([one, other, areEquivalentUrls(one, other)]).toContain(true);
    const different = [...(vector?.not_equal ?? []), ...(vector?.invalid ?? [])];
    for (const [one, other] of different) expect([one, other, areEquivalentUrls(one, other)]).toContain(false);
    expect(different).toHaveLength(10);
  });
});

it('a port that is written differs from one that is not', () => {
  expect(areEquivalentUrls('https://core', 'https://core:443')).toBe(false);
  expect(areEquivalentUrls('https://core:443/attest', 'https://core:443')).toBe(true);
});

it('a host in front of an at sign is no host', () => {
  expect(areEquivalentUrls('https://core.example.com@evil.example', 'https://core.example.com')).toBe(false);
  expect(areEquivalentUrls('https://core.example.com.evil.example', 'https://core.example.com')).toBe(false);
});

it('any text either equals another by the same rule in both directions or is refused', () => {
  const text = fc.string({ unit: fc.constantFrom('http', 's', '://', 'a', '.', ':', '8', '/', '@', ' ', '[', ']') });
  fc.assert(
    fc.property(text, text, (one, other) => {
      expect(areEquivalentUrls(one, other)).toBe(areEquivalentUrls(other, one));
    }),
  );
});
