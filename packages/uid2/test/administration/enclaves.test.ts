import { describe, expect, it } from 'vitest';

import { addEnclave, createOperator, removeEnclave } from '../../src/administration/index.ts';
import { NAMING, NOW_SECONDS, testContext, worldWithSite } from './world-fixture.ts';

const DIGEST = 'a'.repeat(64);

function withEnclave() {
  return addEnclave(worldWithSite(), { name: 'v1', protocol: 'azure-cc', identifier: DIGEST }, testContext()).world;
}

describe('a new enclave', () => {
  it('is on the list', () => {
    expect(withEnclave().enclaves).toEqual([
      { name: 'v1', protocol: 'azure-cc', identifier: DIGEST, created: NOW_SECONDS },
    ]);
  });

  it.each([
    ['a name that is taken', 'v1', 'azure-cc', 'b'.repeat(64), 'ADMIN_RECORD_EXISTS'],
    ['an identifier that is taken', 'v2', 'azure-cc', DIGEST, 'ADMIN_RECORD_EXISTS'],
    ['an identifier in capitals, which would never match', 'v2', 'azure-cc', 'A'.repeat(64), 'ADMIN_VALUE_INVALID'],
    ['a short identifier', 'v2', 'azure-cc', 'a'.repeat(63), 'ADMIN_VALUE_INVALID'],
    ['a policy digest for nitro', 'v2', 'aws-nitro', `${'a'.repeat(63)}=`, 'ADMIN_VALUE_INVALID'],
    ['a protocol without identifiers', 'v2', 'trusted', DIGEST, 'ADMIN_VALUE_INVALID'],
  ] as const)('is refused with %s', (_what, name, protocol, identifier, code) => {
    expect(() => addEnclave(withEnclave(), { name, protocol, identifier }, testContext())).toThrow(
      expect.objectContaining({ code }),
    );
  });

  it.each([
    ['aws-nitro', Buffer.alloc(48, 1).toString('base64')],
    ['gcp-oidc', Buffer.alloc(32, 1).toString('base64')],
  ] as const)('may be one of %s', (protocol, identifier) => {
    const { result } = addEnclave(withEnclave(), { name: 'v2', protocol, identifier }, testContext());
    expect(result).toMatchObject({ protocol, identifier });
  });
});

describe('removing an enclave', () => {
  const operator = { name: 'O', protocol: 'azure-cc' as const, siteId: 3, operatorType: 'PRIVATE' as const, roles: [] };

  it('cuts nobody off while no operator uses its protocol', () => {
    const { world, consequences } = removeEnclave(withEnclave(), 'v1');
    expect([world.enclaves, consequences]).toEqual([[], []]);
  });

  it('names the operators that may be refused', () => {
    const { world } = createOperator(withEnclave(), operator, NAMING, testContext());
    expect(removeEnclave(world, DIGEST).consequences).toEqual([expect.stringContaining('1 azure-cc operator (O)')]);
  });

  it('says so when the operator that runs here measures like this', () => {
    expect(removeEnclave(withEnclave(), 'v1', DIGEST).consequences).toEqual([
      expect.stringContaining('The operator that runs here'),
    ]);
  });

  it('that is not on the list is refused', () => {
    expect(() => removeEnclave(withEnclave(), 'v9')).toThrow(expect.objectContaining({ code: 'ADMIN_RECORD_UNKNOWN' }));
  });
});
