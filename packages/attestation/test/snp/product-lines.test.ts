import { beforeAll, describe, expect, it } from 'vitest';

import { appraiseSnpEvidence, encodeTcb, generateSimulatedPlatformKeys, simulatedRoot } from '../../src/index.ts';
import type { SimulatedPlatformKeys, SnpEvidenceOptions, SnpReportFields } from '../../src/index.ts';
import type { ChainOverrides } from '../support/chain.ts';
import { makeChain, makeReport, NOW, TCB } from '../support/chain.ts';
import {
  GENOA_CPUID,
  TURIN_CHIP_ID,
  TURIN_CPUID,
  TURIN_TCB,
  turinExtensions,
  vlekExtensions,
} from '../support/lines.ts';

let keys: SimulatedPlatformKeys;

beforeAll(async () => {
  keys = await generateSimulatedPlatformKeys({ rsaModulusLength: 2048 });
});

const turinTcb = encodeTcb(TURIN_TCB, 'Turin');
const chipId = new Uint8Array(64);
chipId.set(TURIN_CHIP_ID);
const turinReport: SnpReportFields = {
  version: 5,
  cpuid: TURIN_CPUID,
  chipId,
  reportedTcb: turinTcb,
  currentTcb: turinTcb,
  committedTcb: turinTcb,
  launchTcb: turinTcb,
  launchMitigations: 0x3n,
  currentMitigations: 0x7n,
};
const turinChain: ChainOverrides = { arkName: 'ARK-Turin', askName: 'SEV-Turin', extensions: () => turinExtensions() };

function appraise(fields: SnpReportFields, overrides: ChainOverrides, options: SnpEvidenceOptions = {}) {
  const { vcek, ask, ark } = makeChain(keys, overrides);
  const verdict = appraiseSnpEvidence({
    report: makeReport(keys, fields),
    certificates: [vcek, ask, ark],
    roots: [simulatedRoot(ark.der)],
    now: () => NOW,
    options: { noFreshness: true, ...options },
  });
  return { ...verdict, failed: verdict.checks.flatMap((check) => check.code ?? []) };
}

describe('appraiseSnpEvidence of Turin', () => {
  it('accepts a version 5 report with its five TCB versions and mitigation vectors', () => {
    const { ok, product, reportedTcb, report } = appraise(turinReport, turinChain);
    expect({ ok, product, reportedTcb }).toEqual({ ok: true, product: 'Turin', reportedTcb: TURIN_TCB });
    expect([report?.launchMitigations, report?.currentMitigations]).toEqual([3n, 7n]);
  });

  it('refuses a TCB that was written in the byte order of Milan', () => {
    const asMilan = encodeTcb(TURIN_TCB, 'Milan');
    const fields = { reportedTcb: asMilan, currentTcb: asMilan, committedTcb: asMilan, launchTcb: asMilan };
    expect(appraise({ ...turinReport, ...fields }, turinChain).failed).toEqual(['SNP_TCB_MISMATCH']);
  });

  it('refuses a certificate for another FMC version, and one that does not state it', () => {
    const older = { ...turinChain, extensions: () => turinExtensions({ ...TURIN_TCB, fmc: 1 }) };
    expect(appraise(turinReport, older).failed).toEqual(['SNP_TCB_MISMATCH']);
    const silent = {
      ...turinChain,
      extensions: () => turinExtensions().filter(({ oid }) => !oid.endsWith('.3.9')),
    };
    expect(appraise(turinReport, silent).failed).toEqual(['SNP_EXTENSION_INVALID']);
  });

  it('refuses a chip id with more than eight bytes in use', () => {
    const long = Uint8Array.from(chipId);
    long[63] = 1;
    expect(appraise({ ...turinReport, chipId: long }, turinChain).failed).toEqual(['SNP_CHIP_ID_MISMATCH']);
  });

  it('compares the FMC version with the minimum', () => {
    const minimumTcb = { ...TURIN_TCB, fmc: 3 };
    expect(appraise(turinReport, turinChain, { minimumTcb }).failed).toEqual(['SNP_TCB_TOO_LOW']);
    expect(appraise(turinReport, turinChain, { minimumTcb: TURIN_TCB }).failed).toEqual([]);
  });

  it('takes the product of a version 2 report from the root, and then demands a short chip id', () => {
    expect(appraise({ ...turinReport, version: 2 }, turinChain).failed).toEqual([]);
    const long = Uint8Array.from(chipId);
    long[20] = 1;
    expect(appraise({ ...turinReport, version: 2, chipId: long }, turinChain).failed[0]).toBe('SNP_PRODUCT_UNKNOWN');
  });
});

describe('appraiseSnpEvidence of Genoa', () => {
  const genoa: ChainOverrides = { arkName: 'ARK-Genoa', askName: 'SEV-Genoa' };

  it.each([
    ['Genoa', GENOA_CPUID],
    ['Bergamo and Siena', { family: 0x19, model: 0xa0, stepping: 2 }],
    ['the last model of Bergamo and Siena', { family: 0x19, model: 0xaf, stepping: 2 }],
  ])('accepts %s under the root of Genoa', (_name, cpuid) => {
    expect(appraise({ version: 4, cpuid }, genoa)).toMatchObject({ ok: true, product: 'Genoa' });
  });

  it('refuses Venice, whose root is not known', () => {
    expect(appraise({ cpuid: { family: 0x1a, model: 0x50, stepping: 0 } }, genoa).failed[0]).toBe(
      'SNP_PRODUCT_UNKNOWN',
    );
  });
});

describe('appraiseSnpEvidence of a VLEK', () => {
  const vlek: ChainOverrides = {
    leafName: 'SEV-VLEK',
    askName: 'SEV-VLEK-Milan',
    extensions: (list) => vlekExtensions(list),
  };
  const fields = { keyInfo: 1 << 2, chipId: new Uint8Array(64) };
  const allowed = { allowedCspIds: ['CN=cc-test.example'] };

  it('accepts one of an allowed provider, without regard to the chip', () => {
    expect(appraise(fields, vlek, allowed)).toMatchObject({ ok: true, keyKind: 'vlek', reportedTcb: TCB });
  });

  it('refuses every provider until one is allowed', () => {
    expect(appraise(fields, vlek).failed).toEqual(['SNP_CSP_REFUSED']);
    expect(appraise(fields, vlek, { allowedCspIds: ['CN=other'] }).failed).toEqual(['SNP_CSP_REFUSED']);
  });

  it('refuses a VLEK under the issuer of VCEKs, and one that names a chip', () => {
    expect(appraise(fields, { ...vlek, askName: 'SEV-Milan' }, allowed).failed).toEqual(['SNP_CHAIN_NAME_MISMATCH']);
    const named: ChainOverrides = {
      ...vlek,
      extensions: (list) => [...vlekExtensions(list), ...list.filter(({ oid }) => oid.endsWith('.1.4'))],
    };
    expect(appraise(fields, named, allowed).failed).toEqual(['SNP_EXTENSION_INVALID']);
  });
});
