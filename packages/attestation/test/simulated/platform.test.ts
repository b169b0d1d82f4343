import { beforeAll, describe, expect, it } from 'vitest';

import {
  amdRoots,
  appraiseSnpEvidence,
  parseCertificates,
  parseSnpReport,
  restoreSimulatedPlatform,
  simulatedRoot,
  thimCertificateBundle,
  thimTcb,
  verifySnpEvidence,
  generateSimulatedPlatformKeys,
} from '../../src/index.ts';
import type { SimulatedPlatform, SnpTrustedRoot } from '../../src/index.ts';
import { codeOf, makePlatform, NOW } from '../support/chain.ts';

let platform: SimulatedPlatform;
const reportData = new Uint8Array(64).fill(5);
const hostData = new Uint8Array(32).fill(6);

beforeAll(async () => {
  platform = makePlatform(await generateSimulatedPlatformKeys({ rsaModulusLength: 2048 }));
});

function evidence(from: SimulatedPlatform, roots: readonly SnpTrustedRoot[]) {
  const thim = from.thimCertificates();
  return {
    report: from.attester.report({ reportData, hostData }),
    certificates: thimCertificateBundle(thim),
    roots,
    now: () => NOW,
    options: { reportData, hostData, measurement: from.measurement, thimTcb: thimTcb(thim) },
  };
}

describe('the simulated platform', () => {
  it('makes evidence that verifies under its own root and says that it is simulated', () => {
    expect(verifySnpEvidence(evidence(platform, [platform.trustedRoot])).simulated).toBe(true);
  });

  it('is trusted by nobody who was not told to', () => {
    const verdict = appraiseSnpEvidence(evidence(platform, amdRoots));
    expect(verdict.ok).toBe(false);
    expect(verdict.checks.find((check) => !check.ok)?.code).toBe('SNP_ROOT_UNTRUSTED');
  });

  it('sets debug bit and privilege level on request', () => {
    const report = parseSnpReport(platform.attester.report({ reportData, hostData, debug: true, vmpl: 2 }));
    expect(report).toMatchObject({ vmpl: 2, policy: { debugAllowed: true } });
    expect(parseSnpReport(platform.attester.report({ reportData, hostData })).policy.debugAllowed).toBe(false);
  });

  it('comes back from its record as the same platform', () => {
    const record: unknown = JSON.parse(JSON.stringify(platform.toRecord()));
    const restored = restoreSimulatedPlatform(record, { random: (length) => new Uint8Array(length), now: () => NOW });
    expect(restored.rootPem).toBe(platform.rootPem);
    expect(restored.uvmTrust).toEqual(platform.uvmTrust);
    expect(verifySnpEvidence(evidence(restored, [platform.trustedRoot])).product).toBe('Milan');
  });

  it.each([
    ['null', () => null],
    ['an empty object', () => ({})],
    ['another version', () => ({ ...platform.toRecord(), version: 2 })],
    ['a short chip id', () => ({ ...platform.toRecord(), chipId: 'ab' })],
    ['a key that is no PEM', () => ({ ...platform.toRecord(), keys: { ...platform.toRecord().keys, ark: 'x' } })],
    [
      'a key of another role',
      () => ({ ...platform.toRecord(), keys: { ...platform.toRecord().keys, ark: platform.toRecord().keys.ask } }),
    ],
  ])('refuses a record that is %s', (_name, record) => {
    const restore = () =>
      restoreSimulatedPlatform(record(), { random: (length) => new Uint8Array(length), now: () => NOW });
    expect(codeOf(restore)).toBe('SIMULATED_PLATFORM_RECORD_INVALID');
  });
});

describe('simulatedRoot', () => {
  it('takes one root certificate and nothing else', () => {
    expect(simulatedRoot(platform.rootPem)).toMatchObject({ product: 'Milan', simulated: true });
    const [leaf] = parseCertificates(platform.thimCertificates().vcekCert);
    expect(codeOf(() => simulatedRoot(leaf?.der ?? new Uint8Array()))).toBe('SNP_ROOT_INVALID');
    expect(codeOf(() => simulatedRoot(platform.rootPem + platform.rootPem))).toBe('SNP_ROOT_INVALID');
  });
});
