import { Buffer } from 'node:buffer';
import { constants, createHash, sign } from 'node:crypto';

import { fromHex } from '@holdfast/base';
import { everyOrEach } from '@holdfast/base/testing/thorough';
import { beforeAll, describe, expect, it } from 'vitest';

import {
  amdRoots,
  appraiseSnpEvidence,
  createRevocationList,
  encodeTcb,
  generateSimulatedPlatformKeys,
  parseCertificate,
  parseSnpCertificateTable,
  parseSnpReport,
  simulatedRoot,
} from '../../src/index.ts';
import type {
  Certificate,
  SimulatedPlatformKeys,
  SnpEvidence,
  SnpEvidenceOptions,
  SnpReportFields,
  SnpTrustedRoot,
} from '../../src/index.ts';
import { derBitString, derSequence } from '../../src/der/writer.ts';
import { DerReader, tag } from '../../src/der/reader.ts';
import { signSnpReport } from '../../src/index.ts';
import type { ChainOverrides } from '../support/chain.ts';
import { amdName, CHIP_ID, codeOf, flipBit, makeChain, makeReport, NOW, TCB } from '../support/chain.ts';
import { TURIN_CHIP_ID, TURIN_CPUID, TURIN_TCB, turinExtensions, vlekExtensions } from '../support/lines.ts';
import { haveVectors, vectorBytes, vectorPem, vectorText } from '../support/vectors.ts';

/**
 * What a verifier of SNP evidence has to refuse, one test a case, each with its primary reason. The numbers order the
 * cases; endorsements and tokens have files of their own.
 */
let keys: SimulatedPlatformKeys;
let otherKeys: SimulatedPlatformKeys;
let chain: ReturnType<typeof makeChain>;
let roots: readonly SnpTrustedRoot[];
let good: Uint8Array;

beforeAll(async () => {
  [keys, otherKeys] = await Promise.all([
    generateSimulatedPlatformKeys({ rsaModulusLength: 2048 }),
    generateSimulatedPlatformKeys({ rsaModulusLength: 2048 }),
  ]);
  chain = makeChain(keys);
  roots = [simulatedRoot(chain.ark.der)];
  good = makeReport(keys);
});

/** The primary reason, or 'accepted'. */
function reason(evidence: Partial<SnpEvidence>, options: SnpEvidenceOptions = { noFreshness: true }): string {
  const verdict = appraiseSnpEvidence({
    report: good,
    certificates: [chain.vcek, chain.ask, chain.ark],
    roots,
    now: () => NOW,
    options,
    ...evidence,
  });
  return verdict.ok ? 'accepted' : (verdict.checks.find((check) => !check.ok)?.code ?? 'no chain');
}

function ofReport(fields: SnpReportFields, options?: SnpEvidenceOptions): string {
  return reason({ report: makeReport(keys, fields) }, options);
}

function ofChain(overrides: ChainOverrides, fields: SnpReportFields = {}, options?: SnpEvidenceOptions): string {
  const { vcek, ask, ark } = makeChain(keys, overrides);
  const report = makeReport(keys, fields);
  return reason({ report, certificates: [vcek, ask, ark], roots: [simulatedRoot(ark.der)] }, options);
}

/** The report with bytes replaced and signed again, for layouts that the builder does not make. */
function resigned(offset: number, ...bytes: readonly number[]): Uint8Array {
  const changed = Uint8Array.from(good).fill(0, 672);
  changed.set(bytes, offset);
  return signSnpReport(changed, keys.vcek.privateKey);
}

function altered(offset: number, ...bytes: readonly number[]): Uint8Array {
  const changed = Uint8Array.from(good);
  changed.set(bytes, offset);
  return changed;
}

const real = { roots: amdRoots, now: () => NOW };
const milan = (leaf: string): string => vectorPem(leaf) + vectorText('roots/milan_ask_ark_vcek.pem');

it('accepts what the cases below start from', () => {
  expect(reason({})).toBe('accepted');
});

describe('case 1: the debug bit is set', () => {
  it('SNP_DEBUG_ALLOWED', () => {
    expect(ofReport({ policy: 0xb001fn })).toBe('SNP_DEBUG_ALLOWED');
  });
  it.skipIf(!haveVectors)('SNP_DEBUG_ALLOWED for the real report', () => {
    const report = vectorBytes('negative/debug/report.bin');
    expect(reason({ ...real, report, certificates: milan('negative/debug/vcek.der') })).toBe('SNP_DEBUG_ALLOWED');
  });
});

describe('case 2: a migration agent without permission', () => {
  it('SNP_MIGRATION_ALLOWED', () => {
    expect(ofReport({ policy: 0x7001fn })).toBe('SNP_MIGRATION_ALLOWED');
  });
});

describe('case 3: a report of 1183 or 1185 bytes, empty, or cut anywhere', () => {
  it('SNP_LENGTH_INVALID', () => {
    expect(reason({ report: Uint8Array.from([...good, 0]) })).toBe('SNP_LENGTH_INVALID');
    for (let length = 0; length < good.length; length += 1)
      expect(reason({ report: good.subarray(0, length) })).toBe('SNP_LENGTH_INVALID');
  });
});

describe('case 4: version 0, 1 or 6', () => {
  it.each([0, 1, 6])('SNP_VERSION_UNSUPPORTED for %d', (version) => {
    expect(reason({ report: altered(0, version) })).toBe('SNP_VERSION_UNSUPPORTED');
  });
  it.skipIf(!haveVectors)('SNP_VERSION_UNSUPPORTED for the real stand-in', () => {
    expect(codeOf(() => parseSnpReport(fromHex(vectorText('negative/fake_report_v1.hex'))))).toBe(
      'SNP_VERSION_UNSUPPORTED',
    );
  });
});

describe('case 5: a reserved byte inside the signed part, POLICY bit 17 clear, bit 26 or above set', () => {
  it.each([76, 395, 415, 491, 495, 504, 519, 520, 671, 73, 75])('SNP_RESERVED_NOT_ZERO at byte %d', (offset) => {
    expect(reason({ report: resigned(offset, 1) })).toBe('SNP_RESERVED_NOT_ZERO');
  });
  it.each([0x1001fn, 0x3001fn | (1n << 26n), 0x3001fn | (1n << 63n)])(
    'SNP_RESERVED_NOT_ZERO for policy %#',
    (policy) => {
      expect(ofReport({ policy })).toBe('SNP_RESERVED_NOT_ZERO');
    },
  );
  it('SNP_RESERVED_NOT_ZERO for an author key digest without an author key', () => {
    expect(ofReport({ authorKeyDigest: new Uint8Array(48).fill(1) })).toBe('SNP_RESERVED_NOT_ZERO');
    expect(ofReport({ authorKeyDigest: new Uint8Array(48).fill(1), keyInfo: 1 })).toBe('accepted');
  });
  it('SNP_RESERVED_NOT_ZERO for the processor in version 2', () => {
    expect(reason({ report: resigned(0, 2) })).toBe('SNP_RESERVED_NOT_ZERO');
  });
});

describe('case 6: bytes 816 to 1183, or the high bytes of R and S', () => {
  it.each([816, 1000, 1183, 720, 743, 792, 815])('SNP_RESERVED_NOT_ZERO at byte %d', (offset) => {
    expect(reason({ report: altered(offset, 1) })).toBe('SNP_RESERVED_NOT_ZERO');
  });
});

describe('case 7: one bit flipped in each signed field', () => {
  /** Offsets of fields that no check but the signature judges when nothing is expected of them. */
  const fields = [4, 8, 16, 32, 64, 80, 111, 143, 144, 191, 192, 223, 224, 271, 320, 352, 488, 489, 490, 492, 493, 494];

  it.each(fields)('SNP_SIGNATURE_INVALID at byte %d', (offset) => {
    expect(reason({ report: flipBit(good, offset * 8) })).toBe('SNP_SIGNATURE_INVALID');
  });
  it('refused for a bit of every byte of the report', () => {
    const accepted: number[] = [];
    for (let byte = 0; byte < good.length; byte += everyOrEach(3)) {
      if (reason({ report: flipBit(good, byte * 8 + (byte % 8)) }) === 'accepted') accepted.push(byte);
    }
    expect(accepted).toEqual([]);
  });
});

describe('case 8: R and S in big-endian order, one of them zero, R at or above the order', () => {
  it('SNP_SIGNATURE_INVALID', () => {
    const swapped = Uint8Array.from(good);
    swapped.set(good.slice(672, 720).reverse(), 672);
    swapped.set(good.slice(744, 792).reverse(), 744);
    const zeroR = Uint8Array.from(good).fill(0, 672, 720);
    const zeroS = Uint8Array.from(good).fill(0, 744, 792);
    const high = Uint8Array.from(good).fill(0xff, 672, 720);
    for (const report of [swapped, zeroR, zeroS, high]) expect(reason({ report })).toBe('SNP_SIGNATURE_INVALID');
  });
});

describe('case 9: another signature algorithm', () => {
  it.each([0, 2])('SNP_SIGNATURE_ALGORITHM_UNSUPPORTED for %d', (signatureAlgorithm) => {
    expect(ofReport({ signatureAlgorithm })).toBe('SNP_SIGNATURE_ALGORITHM_UNSUPPORTED');
  });
});

describe('case 10: the key information names another kind of key than the certificate', () => {
  it.each([1, 2, 3, 4, 5, 6, 7])('SNP_KEY_KIND_MISMATCH for kind %d beside a VCEK', (kind) => {
    expect(ofReport({ keyInfo: kind << 2 })).toBe('SNP_KEY_KIND_MISMATCH');
  });
  it('SNP_KEY_KIND_MISMATCH for a VCEK beside a VLEK', () => {
    const extensions: ChainOverrides['extensions'] = (list) => vlekExtensions(list);
    expect(ofChain({ leafName: 'SEV-VLEK', askName: 'SEV-VLEK-Milan', extensions })).toBe('SNP_KEY_KIND_MISMATCH');
  });
});

describe('case 11: the chip key is masked, or the signature is all zero', () => {
  it('SNP_KEY_MASKED', () => {
    expect(ofReport({ keyInfo: 2 })).toBe('SNP_KEY_MASKED');
    expect(reason({ report: Uint8Array.from(good).fill(0, 672, 816) })).toBe('SNP_KEY_MASKED');
  });
});

describe('case 12: the certificate of another chip', () => {
  it('SNP_CHIP_ID_MISMATCH', () => {
    expect(ofChain({ chipId: new Uint8Array(64).fill(1) })).toBe('SNP_CHIP_ID_MISMATCH');
  });
  it.skipIf(!haveVectors)('SNP_CHIP_ID_MISMATCH for the real pair', () => {
    const report = vectorBytes('milan-v2-a/report.bin');
    expect(reason({ ...real, report, certificates: milan('milan-v2-b/vcek.der') })).toBe('SNP_CHIP_ID_MISMATCH');
  });
});

describe('case 13: a chip id of zeros with a VCEK', () => {
  it('SNP_CHIP_ID_MISMATCH', () => {
    expect(ofReport({ chipId: new Uint8Array(64) })).toBe('SNP_CHIP_ID_MISMATCH');
  });
});

describe('case 14: a VCEK for an older TCB of the same chip; a TCB in the layout of another line', () => {
  it('SNP_TCB_MISMATCH', () => {
    expect(ofChain({ tcb: { ...TCB, microcode: 218 } })).toBe('SNP_TCB_MISMATCH');
    const asMilan = encodeTcb(TURIN_TCB, 'Milan');
    const chipId = new Uint8Array(64);
    chipId.set(TURIN_CHIP_ID);
    const tcbs = { reportedTcb: asMilan, currentTcb: asMilan, committedTcb: asMilan, launchTcb: asMilan };
    const turin: ChainOverrides = { arkName: 'ARK-Turin', askName: 'SEV-Turin', extensions: () => turinExtensions() };
    expect(ofChain(turin, { version: 5, cpuid: TURIN_CPUID, chipId, ...tcbs })).toBe('SNP_TCB_MISMATCH');
  });
});

describe('case 15: the reported TCB below the minimum in one component only', () => {
  it.each(['bootloader', 'tee', 'snp', 'microcode'] as const)('SNP_TCB_TOO_LOW in %s', (component) => {
    const minimumTcb = { bootloader: 0, tee: 0, snp: 0, microcode: 0, [component]: TCB[component] + 1 };
    expect(reason({}, { noFreshness: true, minimumTcb })).toBe('SNP_TCB_TOO_LOW');
  });
});

describe('case 16: a TCB above the current one', () => {
  it.each(['reportedTcb', 'committedTcb', 'launchTcb'])('SNP_TCB_ORDER for %s', (name) => {
    const above = encodeTcb({ ...TCB, snp: TCB.snp + 1 }, 'Milan');
    const overrides = name === 'reportedTcb' ? { tcb: { ...TCB, snp: TCB.snp + 1 } } : {};
    expect(ofChain(overrides, { [name]: above })).toBe('SNP_TCB_ORDER');
  });
});

describe.skipIf(!haveVectors)('case 17: a self-made VCEK, in both forms of the hardware id', () => {
  it.each(['legacy', 'new'])('SNP_CHAIN_SIGNATURE_INVALID for the %s form', (form) => {
    const report = vectorBytes('milan-v2-a/report.bin');
    const certificates = milan(`negative/vcek-selfmade-${form}.der`);
    expect(reason({ ...real, report, certificates })).toBe('SNP_CHAIN_SIGNATURE_INVALID');
  });
});

describe('case 18: a whole chain under an own root of the same name; a bit flipped in the root of the bundle', () => {
  it('SNP_ROOT_UNTRUSTED with that root in the bundle, SNP_CHAIN_SIGNATURE_INVALID without', () => {
    const { vcek, ask, ark } = makeChain(otherKeys);
    const report = makeReport(otherKeys);
    expect(reason({ report, certificates: [vcek, ask, ark] })).toBe('SNP_ROOT_UNTRUSTED');
    expect(reason({ report, certificates: [vcek, ask] })).toBe('SNP_CHAIN_SIGNATURE_INVALID');
  });
  it('refused for a bit of the signature of the root', () => {
    const flipped = flipBit(chain.ark.der, chain.ark.der.length * 8 - 5);
    expect(reason({ certificates: [chain.vcek.der, chain.ask.der, flipped] })).toBe('SNP_ROOT_UNTRUSTED');
  });
  it('refused for every byte of the bundle', () => {
    const accepted: string[] = [];
    const parts = [chain.vcek.der, chain.ask.der, chain.ark.der];
    for (const [which, part] of parts.entries()) {
      for (let byte = 0; byte < part.length; byte += everyOrEach(13)) {
        const certificates = parts.map((der, index) => (index === which ? flipBit(der, byte * 8 + (byte % 8)) : der));
        if (reason({ certificates }) === 'accepted') accepted.push(`${which}:${byte}`);
      }
    }
    expect(accepted).toEqual([]);
  });
  it('refused for a certificate that is cut at any length', () => {
    for (let length = 0; length < chain.vcek.der.length; length += 1)
      expect(codeOf(() => parseCertificate(chain.vcek.der.subarray(0, length)))).toBe('X509_CERTIFICATE_MALFORMED');
  });
});

describe('case 19: no issuer of that name, and a VCEK issued by the ASVK', () => {
  it('SNP_CHAIN_NAME_MISMATCH', () => {
    expect(ofChain({ askName: 'SEV-VLEK-Milan' })).toBe('SNP_CHAIN_NAME_MISMATCH');
    const genoa = makeChain(keys, { askName: 'SEV-Genoa' });
    expect(reason({ certificates: [genoa.vcek, chain.ask, chain.ark] })).toBe('SNP_CHAIN_NAME_MISMATCH');
  });
});

describe('case 19b: product of the issuer and of the processor differ; unknown processor; chip id of another shape', () => {
  it('SNP_PRODUCT_UNKNOWN', () => {
    expect(ofReport({ cpuid: { family: 0x19, model: 0x11, stepping: 0 } })).toBe('SNP_PRODUCT_UNKNOWN');
    expect(ofReport({ cpuid: { family: 0x17, model: 0x01, stepping: 0 } })).toBe('SNP_PRODUCT_UNKNOWN');
    expect(ofReport({ cpuid: { family: 0x19, model: 0xb0, stepping: 0 } })).toBe('SNP_PRODUCT_UNKNOWN');
    const short = new Uint8Array(64);
    short.set(CHIP_ID.subarray(0, 8));
    expect(ofReport({ version: 2, chipId: short })).toBe('SNP_PRODUCT_UNKNOWN');
  });
});

describe('case 20: an expired VLEK, a VCEK that is not valid yet', () => {
  it('SNP_EXPIRED and SNP_NOT_YET_VALID', () => {
    expect(ofChain({ notAfter: NOW - 1000 })).toBe('SNP_EXPIRED');
    expect(ofChain({ notBefore: NOW + 1000 })).toBe('SNP_NOT_YET_VALID');
  });
  it.skipIf(!haveVectors)('SNP_EXPIRED for the real VLEK', () => {
    const report = vectorBytes('milan-v3-vlek/report.bin');
    const certificates = `${vectorText('negative/vlek-expired.pem')}\n${vectorText('roots/milan_asvk_ark_vlek.pem')}`;
    expect(reason({ ...real, report, certificates })).toBe('SNP_EXPIRED');
  });
});

describe('case 21: the ASK on the revocation list; a list by another key; a stale list when one is demanded', () => {
  function list(signer: SimulatedPlatformKeys, revokedSerials: readonly bigint[], nextUpdate: number) {
    return createRevocationList({
      issuer: amdName('ARK-Milan'),
      signingKey: signer.ark.privateKey,
      signatureAlgorithm: 'rsa-pss-sha384',
      thisUpdate: NOW - 1e9,
      nextUpdate,
      revokedSerials,
    });
  }
  it('SNP_REVOKED and SNP_REVOCATION_UNKNOWN', () => {
    const judge = (lists: readonly ReturnType<typeof list>[]): string =>
      reason({ revocation: { mode: 'hard', lists } });
    expect(judge([list(keys, [2n], NOW + 1e9)])).toBe('SNP_REVOKED');
    expect(judge([list(otherKeys, [2n], NOW + 1e9)])).toBe('SNP_REVOCATION_UNKNOWN');
    expect(judge([list(keys, [], NOW - 1000)])).toBe('SNP_REVOCATION_UNKNOWN');
    expect(judge([list(keys, [], NOW + 1e9)])).toBe('accepted');
  });
});

describe('case 22: another signature scheme on the VCEK', () => {
  it.each(['rsa-sha256', 'rsa-sha384'] as const)('SNP_CHAIN_SIGNATURE_INVALID for %s', (leafAlgorithm) => {
    expect(ofChain({ leafAlgorithm })).toBe('SNP_CHAIN_SIGNATURE_INVALID');
  });
  it.each([
    ['a salt of 32 bytes', 'a203020130', 'a203020120', { hash: 'sha384', saltLength: 32 }],
    ['SHA-256', '608648016503040202', '608648016503040201', { hash: 'sha256', saltLength: 48 }],
  ])('SNP_CHAIN_SIGNATURE_INVALID for PSS with %s', (_name, from, to, parameters) => {
    const certificate = signedAgain(chain.vcek, from, to, parameters);
    expect(reason({ certificates: [certificate, chain.ask, chain.ark] })).toBe('SNP_CHAIN_SIGNATURE_INVALID');
  });

  /** The certificate with other parameters in both algorithm identifiers, genuinely signed by the ASK with them. */
  function signedAgain(
    certificate: Certificate,
    from: string,
    to: string,
    { hash, saltLength }: { readonly hash: string; readonly saltLength: number },
  ): Certificate {
    const replaced = (der: Uint8Array): Uint8Array => fromHex(Buffer.from(der).toString('hex').replaceAll(from, to));
    const reader = new DerReader(certificate.der, 'X').enter(tag.sequence);
    reader.next();
    const tbs = replaced(certificate.tbs);
    const key = { key: keys.ask.privateKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength };
    return parseCertificate(derSequence(tbs, replaced(reader.next().der), derBitString(sign(hash, tbs, key))));
  }
});

describe('case 23: an extension that is missing, doubled, of another type; a hardware id of 63 bytes; a version of 256', () => {
  type Extensions = NonNullable<ChainOverrides['extensions']>;
  const prefix = '1.3.6.1.4.1.3704.1.';
  const changed =
    (suffix: string, value: Uint8Array): Extensions =>
    (list) =>
      list.map((extension) => (extension.oid === prefix + suffix ? { ...extension, value } : extension));

  it.each<[string, Extensions]>([
    ...['1', '2', '3.1', '3.2', '3.3', '3.8', '4'].map((suffix): [string, Extensions] => [
      `without ${suffix}`,
      (list) => list.filter(({ oid }) => oid !== prefix + suffix),
    ]),
    ['with 3.3 twice', (list) => [...list, ...list.filter(({ oid }) => oid === `${prefix}3.3`)]],
    ['with 3.3 as a text', changed('3.3', Uint8Array.of(0x16, 1, 0x38))],
    ['with a version of 256', changed('3.3', Uint8Array.of(2, 2, 1, 0))],
    ['with a negative version', changed('3.3', Uint8Array.of(2, 1, 0x80))],
    ['with a hardware id of 63 bytes', changed('4', new Uint8Array(63))],
    ['with a wrapped hardware id of 8 bytes', changed('4', Uint8Array.of(4, 8, 1, 2, 3, 4, 5, 6, 7, 8))],
  ])('SNP_EXTENSION_INVALID %s', (_name, extensions) => {
    expect(ofChain({ extensions })).toBe('SNP_EXTENSION_INVALID');
  });
  it('SNP_EXTENSION_INVALID for a hardware id on a VLEK', () => {
    const extensions: Extensions = (list) => [
      ...vlekExtensions(list),
      ...list.filter(({ oid }) => oid === `${prefix}4`),
    ];
    const vlek = { leafName: 'SEV-VLEK', askName: 'SEV-VLEK-Milan', extensions };
    expect(ofChain(vlek, { keyInfo: 4 })).toBe('SNP_EXTENSION_INVALID');
  });
});

describe('case 24: a VLEK of a provider that is not on the list', () => {
  it('SNP_CSP_REFUSED', () => {
    const vlek: ChainOverrides = {
      leafName: 'SEV-VLEK',
      askName: 'SEV-VLEK-Milan',
      extensions: (list) => vlekExtensions(list),
    };
    expect(ofChain(vlek, { keyInfo: 4 })).toBe('SNP_CSP_REFUSED');
    const allowed = { noFreshness: true, allowedCspIds: ['CN=cc-test.example'] };
    expect(ofChain(vlek, { keyInfo: 4 }, allowed)).toBe('accepted');
  });
});

describe('case 25: report data that differ in the last byte, shorter ones, an upper half that is not zero', () => {
  const reportData = new Uint8Array(64).fill(1);
  it('SNP_REPORT_DATA_MISMATCH', () => {
    const last = Uint8Array.from(reportData).fill(2, 63);
    for (const expected of [last, reportData.subarray(0, 63), reportData.subarray(0, 32), new Uint8Array()])
      expect(reason({}, { reportData: expected })).toBe('SNP_REPORT_DATA_MISMATCH');
    const digestOnly = Uint8Array.from(reportData).fill(0, 32);
    expect(reason({}, { reportData: digestOnly })).toBe('SNP_REPORT_DATA_MISMATCH');
    expect(reason({}, {})).toBe('SNP_REPORT_DATA_MISMATCH');
  });
});

describe('case 26: host data of the Base64 text instead of the policy', () => {
  it('SNP_HOST_DATA_MISMATCH', () => {
    const policy = Buffer.from('package policy\n');
    const sha256 = (data: Uint8Array | string) => createHash('sha256').update(data).digest();
    const report = makeReport(keys, { hostData: sha256(policy) });
    expect(reason({ report }, { noFreshness: true, hostData: sha256(policy) })).toBe('accepted');
    const ofText = sha256(policy.toString('base64'));
    expect(reason({ report }, { noFreshness: true, hostData: ofText })).toBe('SNP_HOST_DATA_MISMATCH');
  });
});

describe('case 27: another measurement, another id key digest', () => {
  it('SNP_MEASUREMENT_MISMATCH and SNP_ID_KEY_MISMATCH', () => {
    const other = new Uint8Array(48).fill(1);
    expect(reason({}, { noFreshness: true, measurement: other })).toBe('SNP_MEASUREMENT_MISMATCH');
    expect(reason({}, { noFreshness: true, idKeyDigest: other })).toBe('SNP_ID_KEY_MISMATCH');
  });
});

describe('case 28: VMPL 1 under the default rule, VMPL 0xFFFFFFFF under any', () => {
  it('SNP_VMPL_REFUSED', () => {
    expect(ofReport({ vmpl: 1 })).toBe('SNP_VMPL_REFUSED');
    const options = { noFreshness: true, allowedVmpls: [0, 0xffffffff] };
    expect(ofReport({ vmpl: 0xffffffff }, options)).toBe('SNP_VMPL_REFUSED');
  });
  it.skipIf(!haveVectors)('SNP_VMPL_REFUSED for the real report', () => {
    const certificates = vectorPem('milan-v3-vlek/vlek.der') + vectorText('roots/milan_asvk_ark_vlek.pem');
    const evidence = { ...real, report: vectorBytes('milan-v3-vlek/report.bin'), certificates };
    const options = { noFreshness: true, allowedCspIds: ['CN=cc-us-east-2.amazonaws.com'] };
    expect(reason({ ...evidence, now: () => Date.UTC(2025, 5, 1) }, options)).toBe('SNP_VMPL_REFUSED');
  });
});

describe('case 29: a certificate table with an entry beyond its end, over its own header, or without an end', () => {
  const entry = (offset: number, length: number): Uint8Array => {
    const bytes = new Uint8Array(24);
    bytes.set(fromHex('63da758de6644564adc5f4b93be8accd'));
    new DataView(bytes.buffer).setUint32(16, offset, true);
    new DataView(bytes.buffer).setUint32(20, length, true);
    return bytes;
  };
  it.each([
    ['beyond its end', [entry(48, 100), new Uint8Array(24)]],
    ['over its own header', [entry(24, 24), new Uint8Array(24)]],
    ['without an end', [entry(24, 0)]],
  ])('SNP_CERTIFICATE_TABLE_INVALID %s', (_name, parts) => {
    const table = Uint8Array.from(parts.flatMap((part) => [...part]));
    expect(codeOf(() => parseSnpCertificateTable(table, 'vcek'))).toBe('SNP_CERTIFICATE_TABLE_INVALID');
  });
});

describe('case 30: the TCB of the host certificates in byte order', () => {
  it('SNP_TCB_MISMATCH', () => {
    const value = encodeTcb(TCB, 'Milan');
    const swapped = new DataView(new ArrayBuffer(8));
    swapped.setBigUint64(0, value, true);
    expect(reason({}, { noFreshness: true, thimTcb: value })).toBe('accepted');
    expect(reason({}, { noFreshness: true, thimTcb: swapped.getBigUint64(0) })).toBe('SNP_TCB_MISMATCH');
  });
});
