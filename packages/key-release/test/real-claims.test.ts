import type { JsonObject } from '@holdfast/attestation';
import { loadVectors } from '@holdfast/base/testing';
import { describe, expect, it } from 'vitest';

import { evaluateAuthority, findEncryptionKey, findReleaseCandidates, parseReleasePolicy } from '../src/index.ts';

const containerGroup = loadVectors('snp/maa/caci-claims.json') as JsonObject | undefined;
const confidentialVm = loadVectors('snp/maa/cvm-claims.json') as JsonObject | undefined;

/** Whether a policy for the issuer of the claims, with one condition per pair, is satisfied. */
function satisfied(claims: JsonObject, conditions: Readonly<Record<string, unknown>>): boolean {
  const allOf = Object.entries(conditions).map(([claim, equals]) => ({ claim, equals }));
  const policy = parseReleasePolicy(
    JSON.stringify({ version: '1.0.0', anyOf: [{ authority: `${claims['iss'] as string}/`, allOf }] }),
  );
  const token = `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.AAAA`;
  const [authority] = findReleaseCandidates(policy, token).authorities;
  return authority !== undefined && evaluateAuthority(authority, claims).satisfied;
}

describe.skipIf(containerGroup === undefined)('claims of a real confidential container group', () => {
  const claims = containerGroup ?? {};

  it('satisfy the policy that set-up scripts write', () => {
    const policy = {
      'x-ms-attestation-type': 'sevsnpvm',
      'x-ms-sevsnpvm-hostdata': 'fef932e0103f6132437e8a1223f32efc4bea63342f893b5124645224ef29ba73',
      'x-ms-compliance-status': 'azure-compliant-uvm',
      'x-ms-sevsnpvm-is-debuggable': 'false',
      'x-ms-sevsnpvm-vmpl': '0',
    };
    expect(satisfied(claims, policy)).toBe(true);
    for (const claim of Object.keys(policy)) expect(satisfied(claims, { ...policy, [claim]: 'x' })).toBe(false);
  });

  it('name no key that a key could be encrypted to', () => {
    expect(() => findEncryptionKey(claims)).toThrow(expect.objectContaining({ code: 'RELEASE_NO_ENCRYPTION_KEY' }));
  });
});

describe.skipIf(confidentialVm === undefined)('claims of a real confidential VM', () => {
  const claims = confidentialVm ?? {};

  it('are reached through dots, and their ephemeral key is the one that counts', () => {
    expect(
      satisfied(claims, { 'x-ms-isolation-tee.x-ms-compliance-status': 'azure-compliant-cvm', secureboot: 'true' }),
    ).toBe(true);
    expect(satisfied(claims, { 'x-ms-compliance-status': 'azure-compliant-cvm' })).toBe(false);
    expect(findEncryptionKey(claims).kid).toBe('TpmEphemeralEncryptionKey');
  });
});
