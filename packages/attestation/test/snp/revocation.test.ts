import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';

import {
  appraiseSnpEvidence,
  createRevocationList,
  generateSimulatedPlatformKeys,
  parseRevocationList,
  simulatedRoot,
} from '../../src/index.ts';
import type { RevocationList, SimulatedPlatformKeys, SnpRevocation } from '../../src/index.ts';
import { writePem } from '../../src/x509/pem.ts';
import { amdName, codeOf, flipBit, makeChain, makeReport, NOW } from '../support/chain.ts';

let keys: SimulatedPlatformKeys;
let list: RevocationList;
let revoked: RevocationList;
const DAY = 86_400_000;
/** The serial number of the ASK in `makeChain`. */
const ASK_SERIAL = 2n;

beforeAll(async () => {
  keys = await generateSimulatedPlatformKeys({ rsaModulusLength: 2048 });
  list = makeList({});
  revoked = makeList({ revokedSerials: [7n, ASK_SERIAL] });
});

function makeList(changes: Partial<Parameters<typeof createRevocationList>[0]>): RevocationList {
  return createRevocationList({
    issuer: amdName('ARK-Milan'),
    signingKey: keys.ark.privateKey,
    signatureAlgorithm: 'rsa-pss-sha384',
    thisUpdate: NOW - DAY,
    nextUpdate: NOW + DAY,
    revokedSerials: [7n],
    ...changes,
  });
}

function appraise(revocation: SnpRevocation) {
  const { vcek, ask, ark } = makeChain(keys);
  const verdict = appraiseSnpEvidence({
    report: makeReport(keys),
    certificates: [vcek, ask, ark],
    roots: [simulatedRoot(ark.der)],
    revocation,
    now: () => NOW,
    options: { noFreshness: true },
  });
  return { failed: verdict.checks.flatMap((check) => check.code ?? []), checked: verdict.revocationChecked };
}

describe('revocation of the intermediate', () => {
  it('accepts a chain that the current list of its root does not name', () => {
    expect(appraise({ mode: 'hard', lists: [list] })).toEqual({ failed: [], checked: true });
  });

  it('refuses one that it names, also in soft mode and on a list that is old by now', () => {
    expect(appraise({ mode: 'hard', lists: [revoked] }).failed).toEqual(['SNP_REVOKED']);
    expect(appraise({ mode: 'soft', lists: [list, revoked] }).failed).toEqual(['SNP_REVOKED']);
    const old = makeList({ revokedSerials: [ASK_SERIAL], nextUpdate: NOW - 1000 });
    expect(appraise({ mode: 'soft', lists: [old] }).failed).toEqual(['SNP_REVOKED']);
  });

  it('looks at no list when it is off', () => {
    expect(appraise({ mode: 'off', lists: [revoked] })).toEqual({ failed: [], checked: false });
  });

  it.each([
    ['none at all', () => []],
    ['one that is stale', () => [makeList({ nextUpdate: NOW - 1000 })]],
    ['one from the future', () => [makeList({ thisUpdate: NOW + 1000 })]],
    ['one signed by another key', () => [makeList({ signingKey: keys.ask.privateKey, revokedSerials: [ASK_SERIAL] })]],
    ['one of another issuer', () => [makeList({ issuer: amdName('ARK-Genoa'), revokedSerials: [ASK_SERIAL] })]],
    ['one signed with another algorithm', () => [makeList({ signatureAlgorithm: 'rsa-sha384' })]],
  ])('fails in hard mode and is left open in soft mode with %s', (_name, lists) => {
    expect(appraise({ mode: 'hard', lists: lists() })).toEqual({ failed: ['SNP_REVOCATION_UNKNOWN'], checked: false });
    expect(appraise({ mode: 'soft', lists: lists() })).toEqual({ failed: [], checked: false });
  });
});

describe('parseRevocationList', () => {
  it('reads DER and PEM alike', () => {
    const pem = new TextEncoder().encode(writePem('X509 CRL', revoked.der));
    expect(parseRevocationList(pem)).toEqual(parseRevocationList(revoked.der));
    expect(revoked.revokedSerials.map((serial) => [...serial])).toEqual([[7], [2]]);
  });

  it('never yields a list that still counts after one flipped bit', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: list.der.length * 8 - 1 }), (bit) => {
        let lists: readonly RevocationList[] = [];
        const code = codeOf(() => {
          lists = [parseRevocationList(flipBit(list.der, bit))];
        });
        expect(code).toMatch(/^(?:nothing|X509_REVOCATION_LIST_MALFORMED)$/);
        expect(appraise({ mode: 'hard', lists }).failed).toEqual(['SNP_REVOCATION_UNKNOWN']);
      }),
      { numRuns: 60 },
    );
  });

  it('refuses a list that is cut at any length', () => {
    for (let length = 0; length < list.der.length; length += 1)
      expect(codeOf(() => parseRevocationList(list.der.subarray(0, length)))).toBe('X509_REVOCATION_LIST_MALFORMED');
  });

  it('lets only its own error escape, whatever bytes come in', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        expect(codeOf(() => parseRevocationList(bytes))).toBe('X509_REVOCATION_LIST_MALFORMED');
      }),
    );
  });
});
