import { Buffer } from 'node:buffer';
import { constants, sign } from 'node:crypto';

import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';

import {
  amdRoots,
  appraiseSnpEvidence,
  certificatesToPem,
  encodeTcb,
  generateSimulatedPlatformKeys,
  parseCertificate,
  simulatedRoot,
  verifyCertificateSignature,
  verifySnpEvidence,
} from '../../src/index.ts';
import type {
  Certificate,
  SimulatedPlatformKeys,
  SnpEvidence,
  SnpReportFields,
  SnpTrustedRoot,
} from '../../src/index.ts';
import { DerReader, tag } from '../../src/der/reader.ts';
import { derBitString, derSequence } from '../../src/der/writer.ts';
import type { ChainOverrides } from '../support/chain.ts';
import { CHIP_ID, codeOf, flipBit, makeChain, makeReport, NOW, TCB } from '../support/chain.ts';

let keys: SimulatedPlatformKeys;
let otherKeys: SimulatedPlatformKeys;
let roots: readonly SnpTrustedRoot[];
let bundle: string;
let report: Uint8Array;
const reportData = new Uint8Array(64).fill(1);

beforeAll(async () => {
  [keys, otherKeys] = await Promise.all([
    generateSimulatedPlatformKeys({ rsaModulusLength: 2048 }),
    generateSimulatedPlatformKeys({ rsaModulusLength: 2048 }),
  ]);
  const chain = makeChain(keys);
  roots = [simulatedRoot(chain.ark.der)];
  bundle = certificatesToPem([chain.vcek, chain.ask, chain.ark]);
  report = makeReport(keys);
});

function evidence(changes: Partial<SnpEvidence> = {}): SnpEvidence {
  return { report, certificates: bundle, roots, now: () => NOW, options: { reportData }, ...changes };
}

function failures(changes: Partial<SnpEvidence> = {}): readonly string[] {
  return appraiseSnpEvidence(evidence(changes)).checks.flatMap((check) => check.code ?? []);
}

function withReport(fields: SnpReportFields, options: SnpEvidence['options'] = {}): readonly string[] {
  return failures({ report: makeReport(keys, fields), options: { reportData, ...options } });
}

function withChain(overrides: ChainOverrides): readonly string[] {
  const { vcek, ask, ark } = makeChain(keys, overrides);
  return failures({ certificates: [vcek, ask, ark], roots: [...roots] });
}

describe('verifySnpEvidence', () => {
  it('yields report, product, chain and TCB, and says that the root is simulated', () => {
    const verified = verifySnpEvidence(evidence());
    expect(verified).toMatchObject({ product: 'Milan', keyKind: 'vcek', reportedTcb: TCB, simulated: true });
    expect(verified.chain).toHaveLength(3);
  });

  it('throws the first failed check and names all of them', () => {
    const debug = makeReport(keys, { policy: 0xb001fn, vmpl: 2 });
    expect(() => verifySnpEvidence(evidence({ report: debug }))).toThrow(
      expect.objectContaining({
        code: 'SNP_DEBUG_ALLOWED',
        details: { check: 'debug', failed: ['SNP_DEBUG_ALLOWED', 'SNP_VMPL_REFUSED'] },
      }),
    );
  });
});

describe('appraiseSnpEvidence, the report', () => {
  it('never accepts a report with one flipped bit', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1184 * 8 - 1 }), (bit) => {
        expect(appraiseSnpEvidence(evidence({ report: flipBit(report, bit) })).ok).toBe(false);
      }),
      { numRuns: 300 },
    );
  });

  it('never accepts a report with a flipped bit in any of its fields', () => {
    const fields = [
      4, 8, 16, 32, 48, 56, 64, 80, 143, 144, 192, 224, 320, 352, 384, 394, 416, 480, 488, 492, 496, 672, 744,
    ];
    const accepted = fields.filter(
      (offset) => appraiseSnpEvidence(evidence({ report: flipBit(report, offset * 8) })).ok,
    );
    expect(accepted).toEqual([]);
  });

  it('accepts a Buffer and leaves it as it was', () => {
    const buffer = Buffer.from(report);
    expect(failures({ report: buffer })).toEqual([]);
    expect(failures({ report: buffer })).toEqual([]);
    expect(buffer.equals(report)).toBe(true);
  });

  it('ends at once for a report that is cut short', () => {
    expect(failures({ report: report.subarray(0, 1183) })).toEqual(['SNP_LENGTH_INVALID']);
  });

  it('refuses R and S in big-endian order', () => {
    const swapped = Uint8Array.from(report);
    swapped.set(report.slice(672, 720).reverse(), 672);
    swapped.set(report.slice(744, 792).reverse(), 744);
    expect(failures({ report: swapped })).toEqual(['SNP_SIGNATURE_INVALID']);
  });

  it('refuses r = 0 as a bad signature and r = s = 0 as a masked key', () => {
    const zeroR = Uint8Array.from(report).fill(0, 672, 744);
    expect(failures({ report: zeroR })).toEqual(['SNP_SIGNATURE_INVALID']);
    const zeroBoth = Uint8Array.from(report).fill(0, 672, 816);
    expect(failures({ report: zeroBoth })).toEqual(['SNP_KEY_MASKED', 'SNP_SIGNATURE_INVALID']);
  });

  it('refuses r at or above the order of the curve', () => {
    expect(failures({ report: Uint8Array.from(report).fill(0xff, 672, 720) })).toEqual(['SNP_SIGNATURE_INVALID']);
  });

  it.each([
    ['VLEK', 1 << 2],
    ['none', 7 << 2],
    ['reserved', 3 << 2],
  ])('refuses a report that names %s as its signing key beside a VCEK', (_name, keyInfo) => {
    expect(withReport({ keyInfo })[0]).toBe('SNP_KEY_KIND_MISMATCH');
  });

  it('refuses a masked chip key', () => {
    expect(withReport({ keyInfo: 2 })).toEqual(['SNP_KEY_MASKED']);
  });

  it('refuses a report signed by another key', () => {
    expect(failures({ report: makeReport(otherKeys) })).toEqual(['SNP_SIGNATURE_INVALID']);
  });

  it('refuses an unknown processor, and a product that is not that of the chain', () => {
    expect(withReport({ cpuid: { family: 0x17, model: 1, stepping: 0 } })[0]).toBe('SNP_PRODUCT_UNKNOWN');
    expect(withReport({ cpuid: { family: 0x19, model: 0x11, stepping: 0 } })[0]).toBe('SNP_PRODUCT_UNKNOWN');
  });

  it('takes the product of a version 2 report from the root and checks the shape of the chip id', () => {
    expect(withReport({ version: 2 })).toEqual([]);
    const short = new Uint8Array(64);
    short.set(CHIP_ID.subarray(0, 8));
    expect(withReport({ version: 2, chipId: short })[0]).toBe('SNP_PRODUCT_UNKNOWN');
  });
});

describe('appraiseSnpEvidence, chip and TCB', () => {
  it('refuses a masked chip id unless that is allowed', () => {
    const chipId = new Uint8Array(64);
    expect(withReport({ chipId })).toEqual(['SNP_CHIP_ID_MISMATCH']);
    expect(withReport({ chipId }, { allowMaskedChipId: true })).toEqual([]);
  });

  it('refuses the certificate of another chip', () => {
    expect(withChain({ chipId: new Uint8Array(64).fill(1) })).toEqual(['SNP_CHIP_ID_MISMATCH']);
  });

  it('refuses a certificate for another TCB of the same chip, older or newer', () => {
    expect(withChain({ tcb: { ...TCB, microcode: 218 } })).toEqual(['SNP_TCB_MISMATCH']);
    expect(withChain({ tcb: { ...TCB, snp: 25 } })).toEqual(['SNP_TCB_MISMATCH']);
  });

  it('reads a microcode version above 127, which takes two bytes', () => {
    expect(withChain({ tcb: { ...TCB, microcode: 91 } })).toEqual(['SNP_TCB_MISMATCH']);
    expect(withChain({ tcb: TCB })).toEqual([]);
  });

  it('accepts a hardware id that is wrapped in an OCTET STRING', () => {
    const wrapped = Uint8Array.from([0x04, 0x40, ...CHIP_ID]);
    expect(withChain({ chipId: wrapped })).toEqual([]);
  });

  it('refuses a host TCB in byte order', () => {
    const value = encodeTcb(TCB, 'Milan');
    expect(failures({ options: { reportData, thimTcb: value } })).toEqual([]);
    const swapped = new DataView(new ArrayBuffer(8));
    swapped.setBigUint64(0, value, true);
    expect(failures({ options: { reportData, thimTcb: swapped.getBigUint64(0) } })).toEqual(['SNP_TCB_MISMATCH']);
  });

  it.each(['reportedTcb', 'committedTcb', 'launchTcb'] as const)('refuses a %s above the current one', (name) => {
    const above = encodeTcb({ ...TCB, microcode: 220 }, 'Milan');
    expect(withReport({ [name]: above })).toContain('SNP_TCB_ORDER');
  });

  it('refuses a reported or launch TCB below the minimum in one component', () => {
    const minimumTcb = { ...TCB, snp: 25, microcode: 0 };
    expect(withReport({}, { minimumTcb })).toEqual(['SNP_TCB_TOO_LOW']);
    expect(withReport({}, { minimumLaunchTcb: minimumTcb })).toEqual(['SNP_TCB_TOO_LOW']);
    expect(withReport({}, { minimumTcb: TCB })).toEqual([]);
  });
});

describe('appraiseSnpEvidence, the chain', () => {
  it('refuses the test root under the AMD roots', () => {
    expect(failures({ roots: amdRoots })).toEqual(['SNP_ROOT_UNTRUSTED']);
  });

  it('refuses a whole chain under an own root of the same name, with and without that root in the bundle', () => {
    const { vcek, ask, ark } = makeChain(otherKeys);
    const forged = makeReport(otherKeys);
    expect(failures({ report: forged, certificates: [vcek, ask, ark] })[0]).toBe('SNP_ROOT_UNTRUSTED');
    expect(failures({ report: forged, certificates: [vcek, ask] })).toEqual(['SNP_CHAIN_SIGNATURE_INVALID']);
  });

  it('never accepts a bundle with one flipped bit', () => {
    const { vcek, ask, ark } = makeChain(keys);
    fc.assert(
      fc.property(fc.constantFrom(0, 1, 2), fc.nat(), (which, position) => {
        const certificates = [vcek.der, ask.der, ark.der].map((der, index) =>
          index === which ? flipBit(der, position % (der.length * 8)) : der,
        );
        expect(appraiseSnpEvidence(evidence({ certificates })).ok).toBe(false);
      }),
      { numRuns: 200 },
    );
  });

  it('accepts a bundle in any order', () => {
    const { vcek, ask, ark } = makeChain(keys);
    expect(failures({ certificates: [ark, vcek, ask] })).toEqual([]);
  });

  it('refuses a bundle without leaf, with two leaves, or without the intermediate', () => {
    const { vcek, ask, ark } = makeChain(keys);
    expect(failures({ certificates: [ask, ark] })).toEqual(['SNP_CHAIN_INCOMPLETE']);
    expect(failures({ certificates: [vcek, vcek, ask, ark] })).toEqual(['SNP_CHAIN_INCOMPLETE']);
    expect(failures({ certificates: [vcek, ark] })).toEqual(['SNP_CHAIN_INCOMPLETE']);
    expect(failures({ certificates: [vcek, ark], intermediates: [ask] })).toEqual([]);
    expect(failures({ certificates: [] })).toEqual(['SNP_CHAIN_INCOMPLETE']);
  });

  it('refuses a leaf that is expired or not yet valid', () => {
    expect(withChain({ notAfter: NOW - 1000 })).toEqual(['SNP_EXPIRED']);
    expect(withChain({ notBefore: NOW + 1000 })).toEqual(['SNP_NOT_YET_VALID']);
  });

  it('refuses PKCS#1 v1.5 where PSS is due', () => {
    expect(withChain({ leafAlgorithm: 'rsa-sha384' })).toEqual(['SNP_CHAIN_SIGNATURE_INVALID']);
    expect(withChain({ leafAlgorithm: 'rsa-sha256' })).toEqual(['SNP_CHAIN_SIGNATURE_INVALID']);
  });

  it('refuses PSS with another salt length than 48, although the signature holds', () => {
    const { vcek, ask, ark } = makeChain(keys);
    const salted = withSaltLength(vcek, 32);
    expect(verifyCertificateSignature(salted, keys.ask.publicKey)).toBe(true);
    expect(failures({ certificates: [salted, ask, ark] })).toEqual(['SNP_CHAIN_SIGNATURE_INVALID']);
  });

  it('refuses a certificate whose two signature algorithms differ', () => {
    const { vcek, ask, ark } = makeChain(keys);
    const der = Uint8Array.from(vcek.der);
    der.set(saltParameter(32), lastIndexOf(der, saltParameter(48)));
    expect(failures({ certificates: [der, ask.der, ark.der] })).toEqual(['X509_CERTIFICATE_MALFORMED']);
  });

  /** The same certificate, signed again with another PSS salt length. */
  function withSaltLength(certificate: Certificate, saltLength: number): Certificate {
    const tbs = Uint8Array.from(certificate.tbs);
    const at = lastIndexOf(tbs, saltParameter(48));
    tbs.set(saltParameter(saltLength), at);
    const signature = sign('sha384', tbs, {
      key: keys.ask.privateKey,
      padding: constants.RSA_PKCS1_PSS_PADDING,
      saltLength,
    });
    const reader = new DerReader(certificate.der, 'X').enter(tag.sequence);
    reader.next();
    const algorithm = Uint8Array.from(reader.next().der);
    algorithm.set(saltParameter(saltLength), lastIndexOf(algorithm, saltParameter(48)));
    return parseCertificate(derSequence(tbs, algorithm, derBitString(signature)));
  }

  /** `saltLength [2] INTEGER` as the parameters of RSASSA-PSS hold it. */
  function saltParameter(saltLength: number): Uint8Array {
    return Uint8Array.of(0xa2, 3, 2, 1, saltLength);
  }

  function lastIndexOf(bytes: Uint8Array, part: Uint8Array): number {
    return Buffer.from(bytes).lastIndexOf(part);
  }

  it('refuses an issuer that may not issue', () => {
    expect(withChain({ askIsAuthority: false })).toEqual(['SNP_CHAIN_SIGNATURE_INVALID']);
  });

  it('refuses a root that allows no authority below itself', () => {
    expect(withChain({ arkPathLength: 0 })).toEqual(['SNP_CHAIN_SIGNATURE_INVALID']);
    expect(withChain({ arkPathLength: 1 })).toEqual([]);
  });

  it('refuses a VCEK issued under the name of the VLEK issuer', () => {
    expect(withChain({ askName: 'SEV-VLEK-Milan' })).toEqual(['SNP_CHAIN_NAME_MISMATCH']);
  });

  it('requires RSA of 4096 bits under a root that is not marked simulated', () => {
    const real = roots.map((root) => ({ ...root, simulated: false }));
    expect(failures({ roots: real })).toEqual(['SNP_CHAIN_SIGNATURE_INVALID', 'SNP_CHAIN_SIGNATURE_INVALID']);
  });
});

describe('appraiseSnpEvidence, the certificate extensions', () => {
  const prefix = '1.3.6.1.4.1.3704.1.';
  const critical = { oid: '1.2.3.4', critical: true, value: Uint8Array.of(5, 0) };

  it.each([
    ['missing', (list: readonly Extension[]) => list.filter(({ oid }) => oid !== `${prefix}3.8`)],
    ['doubled', (list: readonly Extension[]) => [...list, ...list.filter(({ oid }) => oid === `${prefix}3.8`)]],
    ['of another type', (list: readonly Extension[]) => replace(list, '3.8', Uint8Array.of(4, 1, 5))],
    ['above 255', (list: readonly Extension[]) => replace(list, '3.8', Uint8Array.of(2, 2, 1, 0))],
    ['not minimal', (list: readonly Extension[]) => replace(list, '3.8', Uint8Array.of(2, 2, 0, 5))],
    ['a hardware id of 63 bytes', (list: readonly Extension[]) => replace(list, '4', new Uint8Array(63))],
    [
      'a CSP id on a VCEK',
      (list: readonly Extension[]) => [
        ...list,
        { oid: `${prefix}5`, critical: false, value: Uint8Array.of(0x16, 1, 65) },
      ],
    ],
    ['critical and unknown', (list: readonly Extension[]) => [...list, critical]],
  ])('refuses an extension that is %s', (_name, extensions) => {
    expect(withChain({ extensions })).toEqual(['SNP_EXTENSION_INVALID']);
  });

  type Extension = Parameters<NonNullable<ChainOverrides['extensions']>>[0][number];

  function replace(list: readonly Extension[], suffix: string, value: Uint8Array): readonly Extension[] {
    return list.map((extension) => (extension.oid === prefix + suffix ? { ...extension, value } : extension));
  }
});

describe('appraiseSnpEvidence, policy and reference values', () => {
  it.each([
    ['debug', 0xb001fn, 'SNP_DEBUG_ALLOWED', { allowDebug: true }],
    ['migration', 0x7001fn, 'SNP_MIGRATION_ALLOWED', { allowMigration: true }],
    ['CXL memory', 0x23001fn, 'SNP_POLICY_REFUSED', { allowCxl: true }],
  ])('refuses %s unless allowed', (_name, policy, code, allow) => {
    expect(withReport({ policy })).toEqual([code]);
    expect(withReport({ policy }, allow)).toEqual([]);
  });

  it('requires policy and platform bits as told', () => {
    expect(withReport({}, { requiredPolicyBits: 1n << 20n })).toEqual(['SNP_POLICY_REFUSED']);
    expect(withReport({ platformInfo: 1n }, { requiredPlatformInfoSet: 0x20n })).toEqual(['SNP_POLICY_REFUSED']);
    expect(withReport({ platformInfo: 1n }, { requiredPlatformInfoClear: 1n })).toEqual(['SNP_POLICY_REFUSED']);
  });

  it('refuses privilege levels that are not allowed, and reports that the host asked for always', () => {
    expect(withReport({ vmpl: 1 })).toEqual(['SNP_VMPL_REFUSED']);
    expect(withReport({ vmpl: 1 }, { allowedVmpls: [1] })).toEqual([]);
    expect(withReport({ vmpl: 0xffffffff }, { allowedVmpls: [0xffffffff] })).toEqual(['SNP_VMPL_REFUSED']);
  });

  it('refuses report data that differs in the last byte, is shorter, empty, or not expected at all', () => {
    const last = Uint8Array.from(reportData);
    last[63] = 2;
    for (const expected of [last, reportData.subarray(0, 63), new Uint8Array()]) {
      expect(failures({ options: { reportData: expected } })).toEqual(['SNP_REPORT_DATA_MISMATCH']);
    }
    expect(failures({ options: {} })).toEqual(['SNP_REPORT_DATA_MISMATCH']);
    expect(failures({ options: { noFreshness: true } })).toEqual([]);
  });

  it.each([
    ['hostData', 32, 'SNP_HOST_DATA_MISMATCH'],
    ['measurement', 48, 'SNP_MEASUREMENT_MISMATCH'],
    ['idKeyDigest', 48, 'SNP_ID_KEY_MISMATCH'],
    ['authorKeyDigest', 48, 'SNP_AUTHOR_KEY_MISMATCH'],
    ['familyId', 16, 'SNP_FAMILY_ID_MISMATCH'],
    ['imageId', 16, 'SNP_IMAGE_ID_MISMATCH'],
    ['reportId', 32, 'SNP_REPORT_ID_MISMATCH'],
  ])('compares %s when a value is expected', (field, size, code) => {
    expect(withReport({}, { [field]: new Uint8Array(size) })).toEqual([]);
    expect(withReport({}, { [field]: new Uint8Array(size).fill(1) })).toEqual([code]);
    expect(withReport({}, { [field]: new Uint8Array() })).toEqual([code]);
  });
});

describe('appraiseSnpEvidence, arbitrary input', () => {
  it('gives a verdict for any bytes and any bundle', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 1300 }), fc.oneof(fc.string(), fc.uint8Array()), (bytes, certificates) => {
        expect(codeOf(() => appraiseSnpEvidence(evidence({ report: bytes, certificates })))).toBe('nothing');
        expect(appraiseSnpEvidence(evidence({ certificates })).ok).toBe(false);
      }),
    );
  });
});
