import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';

import {
  generateSimulatedPlatformKeys,
  parseSnpReport,
  productionUvmTrust,
  verifyUvmEndorsement,
} from '../../src/index.ts';
import type { SimulatedPlatform, SimulatedPlatformKeys, UvmTrustEntry } from '../../src/index.ts';
import { decodeCbor } from '../../src/cbor/decode.ts';
import { encodeCbor } from '../../src/cbor/encode.ts';
import { CborTagged } from '../../src/cbor/value.ts';
import type { CborMap, CborValue } from '../../src/cbor/value.ts';
import { signCoseSign1 } from '../../src/cose/sign1.ts';
import { codeOf, flipBit, makePlatform, NOW } from '../support/chain.ts';
import { fromBase64Text, haveVectors, vectorBytes, vectorText } from '../support/vectors.ts';

let keys: SimulatedPlatformKeys;
let platform: SimulatedPlatform;
let cose: Uint8Array;

beforeAll(async () => {
  keys = await generateSimulatedPlatformKeys({ rsaModulusLength: 2048 });
  platform = makePlatform(keys);
  cose = platform.uvmEndorsement();
});

function verify(bytes: Uint8Array, trust: Partial<UvmTrustEntry> = {}, measurement?: Uint8Array) {
  const trustedIssuers = [{ ...platform.uvmTrust, ...trust }];
  return verifyUvmEndorsement(bytes, {
    trustedIssuers,
    now: () => NOW,
    ...(measurement === undefined ? {} : { measurement }),
  });
}

function codeOfVerify(...parameters: Parameters<typeof verify>): string {
  return codeOf(() => verify(...parameters));
}

/** The parts of an envelope, for tests that change one and leave the signature as it is. */
function parts(bytes: Uint8Array): [Uint8Array, CborMap, Uint8Array, Uint8Array] {
  const item = decodeCbor(bytes);
  if (!(item instanceof CborTagged)) throw new Error('a tag is due');
  return item.value as unknown as [Uint8Array, CborMap, Uint8Array, Uint8Array];
}

/** The endorsement signed again with another header or payload. */
function resigned(change: (header: Map<number | string, CborValue>) => void, payload?: Uint8Array): Uint8Array {
  const [protectedBytes, , original] = parts(cose);
  const header = new Map(decodeCbor(protectedBytes) as CborMap);
  header.delete(1);
  change(header);
  const { privateKey } = keys.uvmLeaf;
  return signCoseSign1({
    algorithm: 'ES384',
    protectedHeader: header,
    payload: payload ?? original,
    signingKey: privateKey,
  });
}

describe('verifyUvmEndorsement', () => {
  it('yields issuer, feed, version, measurement and time of a simulated endorsement', () => {
    expect(verify(cose, {}, platform.measurement)).toMatchObject({
      issuer: platform.uvmTrust.issuer,
      feed: 'ContainerPlat-AMD-UVM',
      svn: 104,
      measurement: platform.measurement,
      signedAt: NOW,
      form: 'legacy',
    });
  });

  it('refuses the simulated issuer under production trust', () => {
    const trusted = { now: () => NOW, trustedIssuers: productionUvmTrust };
    expect(codeOf(() => verifyUvmEndorsement(cose, trusted))).toBe('UVM_ALGORITHM_REFUSED');
    const withAlgorithm = productionUvmTrust.map((entry) => ({ ...entry, algorithms: ['ES384', 'PS384'] as const }));
    expect(codeOf(() => verifyUvmEndorsement(cose, { ...trusted, trustedIssuers: withAlgorithm }))).toBe(
      'UVM_ISSUER_UNTRUSTED',
    );
  });

  it('never verifies after one flipped bit in protected header, payload or signature', () => {
    fc.assert(
      fc.property(fc.constantFrom(0, 2, 3), fc.nat(), (which, position) => {
        const changed = parts(cose).map((part, index) =>
          index === which && part instanceof Uint8Array ? flipBit(part, position % (part.length * 8)) : part,
        );
        expect(codeOfVerify(encodeCbor(new CborTagged(18, changed)))).toMatch(/^UVM_/);
      }),
    );
  });

  it('refuses an endorsement cut at any length', () => {
    for (let length = 0; length < cose.length; length += 7) {
      expect(codeOfVerify(cose.subarray(0, length))).toBe('UVM_FORMAT_INVALID');
    }
  });

  it('refuses trailing bytes, critical headers, a label in both headers, and no protected time', () => {
    expect(codeOfVerify(Uint8Array.from([...cose, 0]))).toBe('UVM_FORMAT_INVALID');
    expect(codeOfVerify(resigned((header) => header.set(2, ['x'])))).toBe('UVM_FORMAT_INVALID');
    expect(codeOfVerify(resigned((header) => header.delete('signingtime')))).toBe('UVM_FORMAT_INVALID');
    const [protectedBytes, , payload, signature] = parts(cose);
    const both = encodeCbor([protectedBytes, new Map([['iss', 'x']]), payload, signature]);
    expect(codeOfVerify(both)).toBe('UVM_FORMAT_INVALID');
  });

  it('refuses an algorithm that only the unprotected header names', () => {
    const [protectedBytes, , payload, signature] = parts(cose);
    const header = new Map(decodeCbor(protectedBytes) as CborMap);
    header.delete(1);
    const moved = encodeCbor([encodeCbor(header), new Map([[1, -35]]), payload, signature]);
    expect(codeOfVerify(moved)).toBe('UVM_ALGORITHM_REFUSED');
  });

  it('refuses another feed, two issuers that differ, and an issuer the chain does not satisfy', () => {
    expect(codeOfVerify(platform.uvmEndorsement({ feed: 'Other' }))).toBe('UVM_FEED_UNTRUSTED');
    expect(codeOfVerify(resigned((header) => header.set(15, new Map([[1, 'did:x509:0:other']]))))).toBe(
      'UVM_ISSUER_UNTRUSTED',
    );
    const issuer = `${platform.uvmTrust.issuer.split('::')[0] ?? ''}::eku:1.2.3.4`;
    expect(
      codeOfVerify(
        resigned((header) => header.set('iss', issuer)),
        { issuer },
      ),
    ).toBe('UVM_CHAIN_INVALID');
  });

  it('refuses a chain without its root and a thumbprint of another certificate', () => {
    const chain = (header: Map<number | string, CborValue>): readonly CborValue[] =>
      header.get(33) as readonly CborValue[];
    expect(codeOfVerify(resigned((header) => header.set(33, chain(header)[0] ?? null)))).toBe('UVM_CHAIN_INVALID');
    expect(codeOfVerify(resigned((header) => header.set(34, [-16, new Uint8Array(32)])))).toBe('UVM_CHAIN_INVALID');
  });

  it('judges certificates at the protected signing time and refuses one in the future', () => {
    const seconds = (ms: number): CborTagged => new CborTagged(1, ms / 1000);
    const early = resigned((header) => header.set('signingtime', seconds(NOW - 30 * 86_400_000)));
    expect(codeOfVerify(early)).toBe('UVM_CHAIN_INVALID');
    const late = resigned((header) => header.set('signingtime', seconds(NOW + 3_600_000)));
    expect(codeOfVerify(late)).toBe('UVM_CHAIN_INVALID');
  });

  it('refuses a version below the minimum or not in canonical form', () => {
    expect(codeOfVerify(platform.uvmEndorsement({ svn: 99 }))).toBe('UVM_SVN_TOO_LOW');
    for (const svn of ['0100', '-1', '1.5', '']) {
      const payload = JSON.stringify({
        'x-ms-sevsnpvm-guestsvn': svn,
        'x-ms-sevsnpvm-launchmeasurement': 'aa'.repeat(48),
      });
      expect(codeOfVerify(resigned(() => undefined, new TextEncoder().encode(payload)))).toBe('UVM_SVN_TOO_LOW');
    }
  });

  it('refuses the endorsement of another measurement', () => {
    expect(codeOfVerify(cose, {}, new Uint8Array(48))).toBe('UVM_MEASUREMENT_MISMATCH');
  });

  it('lets only our errors escape, whatever bytes come in', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        expect(codeOfVerify(bytes)).toMatch(/^UVM_/);
      }),
    );
  });
});

describe.skipIf(!haveVectors)('verifyUvmEndorsement on real endorsements', () => {
  const production = { trustedIssuers: productionUvmTrust, now: () => Date.UTC(2026, 9, 1) };

  it('accepts a production endorsement although its leaf has expired since', () => {
    const bytes = fromBase64Text(vectorText('security-context/reference-info-base64'));
    expect(verifyUvmEndorsement(bytes, production)).toMatchObject({ svn: 100, form: 'legacy' });
  });

  it('accepts the hash-envelope form', () => {
    const bytes = vectorBytes('cose/esrp_transparent_hash_envelop.cose');
    expect(verifyUvmEndorsement(bytes, production)).toMatchObject({ svn: 104, form: 'hash-envelope' });
  });

  it('accepts an old build only below the production minimum, for the measurement of its report', () => {
    const bytes = vectorBytes('caci-svn22/body.uvm_reference_info.bin');
    const { measurement } = parseSnpReport(vectorBytes('caci-svn22/snp_report.bin'));
    expect(codeOf(() => verifyUvmEndorsement(bytes, production))).toBe('UVM_SVN_TOO_LOW');
    const trustedIssuers = productionUvmTrust.map((entry) => ({ ...entry, minimumSvn: 22 }));
    expect(verifyUvmEndorsement(bytes, { ...production, trustedIssuers, measurement }).svn).toBe(22);
  });

  it('refuses an endorsement under a private root', () => {
    const bytes = vectorBytes('cose/esrp.test.cose');
    expect(codeOf(() => verifyUvmEndorsement(bytes, production))).toBe('UVM_ALGORITHM_REFUSED');
    const trustedIssuers = productionUvmTrust.map((entry) => ({ ...entry, algorithms: ['ES384'] as const }));
    expect(codeOf(() => verifyUvmEndorsement(bytes, { ...production, trustedIssuers }))).toBe('UVM_ISSUER_UNTRUSTED');
  });
});
