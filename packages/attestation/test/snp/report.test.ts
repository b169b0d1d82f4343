import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { buildSnpReport, parseSnpReport } from '../../src/index.ts';
import { codeOf, flipBit } from '../support/chain.ts';
import { fromBase64Text, haveVectors, vectorBytes, vectorText } from '../support/vectors.ts';

const report = buildSnpReport({ reportData: new Uint8Array(64).fill(9), chipId: new Uint8Array(64).fill(3) });

function at(offset: number, value: number, base: Uint8Array = report): Uint8Array {
  const copy = Uint8Array.from(base);
  copy[offset] = value;
  return copy;
}

describe('parseSnpReport', () => {
  it('reads back every field that buildSnpReport wrote', () => {
    const fields = {
      version: 5,
      guestSvn: 7,
      policy: 0x3b0000n,
      familyId: new Uint8Array(16).fill(1),
      imageId: new Uint8Array(16).fill(2),
      vmpl: 3,
      platformInfo: 0x25n,
      currentTcb: 0xdb18000000000004n,
      reportedTcb: 0xd918000000000004n,
      committedTcb: 0xda18000000000004n,
      launchTcb: 0xd818000000000004n,
      reportData: new Uint8Array(64).fill(3),
      measurement: new Uint8Array(48).fill(4),
      hostData: new Uint8Array(32).fill(5),
      idKeyDigest: new Uint8Array(48).fill(6),
      reportId: new Uint8Array(32).fill(8),
      reportIdMa: new Uint8Array(32).fill(9),
      cpuid: { family: 0x19, model: 0x11, stepping: 1 },
      chipId: new Uint8Array(64).fill(10),
      currentFirmware: { major: 1, minor: 55, build: 39 },
      committedFirmware: { major: 1, minor: 54, build: 2 },
      launchMitigations: 5n,
      currentMitigations: 6n,
    };
    const { policy, ...others } = fields;
    const parsed = parseSnpReport(buildSnpReport(fields));
    expect(parsed).toMatchObject(others);
    expect(parsed.policy).toMatchObject({
      value: policy,
      debugAllowed: true,
      singleSocketRequired: true,
      cxlAllowed: true,
    });
    expect(parsed.signingKey).toBe('vcek');
  });

  it('refuses every length but 1184', () => {
    for (let length = 0; length < report.length; length += 1) {
      expect(codeOf(() => parseSnpReport(report.subarray(0, length)))).toBe('SNP_LENGTH_INVALID');
    }
    expect(codeOf(() => parseSnpReport(new Uint8Array(1185)))).toBe('SNP_LENGTH_INVALID');
  });

  it.each([0, 1, 6, 255])('refuses version %i', (version) => {
    expect(codeOf(() => parseSnpReport(at(0, version)))).toBe('SNP_VERSION_UNSUPPORTED');
  });

  it.each([2, 3, 4, 5])('accepts version %i', (version) => {
    expect(parseSnpReport(buildSnpReport({ version })).version).toBe(version);
  });

  it.each([
    ['key information, high bits', 73, 1],
    ['key information, bit 5', 72, 0x20],
    ['bytes after the key information', 76, 1],
    ['bytes after the CPUID', 400, 1],
    ['byte after the current firmware', 491, 1],
    ['byte after the committed firmware', 495, 1],
    ['mitigation vector before version 5', 504, 1],
    ['bytes before the signature', 600, 1],
    ['high bytes of R', 743, 1],
    ['high bytes of S', 800, 1],
    ['bytes after the signature', 1183, 1],
    ['guest policy bit 26', 11, 4],
    ['guest policy bit 17 clear', 10, 1],
    ['author key digest without an author key', 272, 1],
  ])('refuses a reserved field that is not as fixed: %s', (_name, offset, value) => {
    expect(codeOf(() => parseSnpReport(at(offset, value)))).toBe('SNP_RESERVED_NOT_ZERO');
  });

  it('refuses CPUID bytes in version 2, where they are reserved', () => {
    expect(codeOf(() => parseSnpReport(at(392, 0x19, buildSnpReport({ version: 2 }))))).toBe('SNP_RESERVED_NOT_ZERO');
  });

  it('refuses another signature algorithm', () => {
    expect(codeOf(() => parseSnpReport(at(52, 2)))).toBe('SNP_SIGNATURE_ALGORITHM_UNSUPPORTED');
  });

  it('lets only our errors escape, whatever bytes come in', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 1184, maxLength: 1184 }),
        fc.integer({ min: 0, max: 1184 * 8 - 1 }),
        (bytes, bit) => {
          expect(codeOf(() => parseSnpReport(bytes))).not.toMatch(/^foreign/);
          expect(codeOf(() => parseSnpReport(flipBit(report, bit)))).not.toMatch(/^foreign/);
        },
      ),
    );
  });
});

describe.skipIf(!haveVectors)('parseSnpReport on real reports', () => {
  it('reads a container group report', () => {
    const parsed = parseSnpReport(vectorBytes('caci-svn22/snp_report.bin'));
    expect(parsed).toMatchObject({ version: 2, vmpl: 0, guestSvn: 2, cpuid: undefined, signingKey: 'vcek' });
    expect(parsed.policy.value).toBe(0x3001fn);
    expect(parsed.reportedTcb).toBe(0x7308000000000003n);
  });

  it('refuses the stand-in report of a sidecar without a guest device', () => {
    const bytes = fromBase64Text(vectorText('negative/fake_report_v1.hex'), 'hex');
    expect(codeOf(() => parseSnpReport(bytes))).toBe('SNP_VERSION_UNSUPPORTED');
  });
});
