import { randomBytes } from 'node:crypto';

import {
  basicConstraintsExtension,
  buildSnpReport,
  createCertificate,
  encodeTcb,
  keyUsageExtension,
  signSnpReport,
} from '../../src/index.ts';
import type {
  Certificate,
  CertificateExtension,
  CreateSignatureAlgorithm,
  DistinguishedName,
  SimulatedPlatformKeys,
  SnpReportFields,
  SnpTcb,
} from '../../src/index.ts';
import { vcekExtensions } from '../../src/simulated/platform.ts';
import { createSimulatedPlatform } from '../../src/index.ts';

export const NOW = Date.UTC(2026, 5, 1, 12);
const YEAR = 365 * 86_400_000;

export const TCB: SnpTcb = { bootloader: 4, tee: 0, snp: 24, microcode: 219 };
export const CHIP_ID = new Uint8Array(64).fill(0xc5);

export function amdName(commonName: string): DistinguishedName {
  return [
    { type: 'OU', value: 'Engineering' },
    { type: 'CN', value: commonName },
  ];
}

export interface ChainOverrides {
  readonly tcb?: SnpTcb;
  readonly chipId?: Uint8Array;
  readonly leafName?: string;
  readonly askName?: string;
  readonly arkName?: string;
  readonly notBefore?: number;
  readonly notAfter?: number;
  readonly leafAlgorithm?: CreateSignatureAlgorithm;
  readonly askIsAuthority?: boolean;
  readonly arkPathLength?: number;
  readonly extensions?: (extensions: readonly CertificateExtension[]) => readonly CertificateExtension[];
}

/** A chain of AMD's shape under the given keys, with what a test wants to be different. */
export function makeChain(
  keys: SimulatedPlatformKeys,
  overrides: ChainOverrides = {},
): { readonly ark: Certificate; readonly ask: Certificate; readonly vcek: Certificate } {
  const arkName = amdName(overrides.arkName ?? 'ARK-Milan');
  const askName = amdName(overrides.askName ?? 'SEV-Milan');
  const life = { notBefore: NOW - YEAR, notAfter: NOW + YEAR };
  const pss = { signatureAlgorithm: 'rsa-pss-sha384' } as const;
  const ark = createCertificate({
    ...life,
    ...pss,
    subject: arkName,
    issuer: arkName,
    publicKey: keys.ark.publicKey,
    signingKey: keys.ark.privateKey,
    serial: 1n,
    extensions: [
      basicConstraintsExtension({
        ca: true,
        ...(overrides.arkPathLength === undefined ? {} : { pathLength: overrides.arkPathLength }),
      }),
      keyUsageExtension(['keyCertSign', 'cRLSign']),
    ],
  });
  const ask = createCertificate({
    ...life,
    ...pss,
    subject: askName,
    issuer: arkName,
    publicKey: keys.ask.publicKey,
    signingKey: keys.ark.privateKey,
    serial: 2n,
    extensions: [
      basicConstraintsExtension({ ca: true, pathLength: 0 }),
      keyUsageExtension([overrides.askIsAuthority === false ? 'digitalSignature' : 'keyCertSign']),
    ],
  });
  const extensions = vcekExtensions(overrides.tcb ?? TCB, overrides.chipId ?? CHIP_ID);
  const vcek = createCertificate({
    notBefore: overrides.notBefore ?? life.notBefore,
    notAfter: overrides.notAfter ?? life.notAfter,
    signatureAlgorithm: overrides.leafAlgorithm ?? 'rsa-pss-sha384',
    subject: amdName(overrides.leafName ?? 'SEV-VCEK'),
    issuer: askName,
    publicKey: keys.vcek.publicKey,
    signingKey: keys.ask.privateKey,
    serial: 0n,
    extensions: overrides.extensions?.(extensions) ?? extensions,
  });
  return { ark, ask, vcek };
}

/** A signed Milan report with what a test wants to be different. */
export function makeReport(keys: SimulatedPlatformKeys, fields: SnpReportFields = {}): Uint8Array {
  const tcb = encodeTcb(TCB, 'Milan');
  const unsigned = buildSnpReport({
    chipId: CHIP_ID,
    currentTcb: tcb,
    reportedTcb: tcb,
    committedTcb: tcb,
    launchTcb: tcb,
    reportData: new Uint8Array(64).fill(1),
    ...fields,
  });
  return signSnpReport(unsigned, keys.vcek.privateKey);
}

export function makePlatform(keys: SimulatedPlatformKeys): ReturnType<typeof createSimulatedPlatform> {
  return createSimulatedPlatform({ random: (length) => randomBytes(length), now: () => NOW, keys });
}

/** A copy with one bit changed. */
export function flipBit(bytes: Uint8Array, bit: number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return copy;
}

/** The code of the error that `run` throws, its name when the error is not ours, or 'nothing'. */
export function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    return error instanceof Error && 'code' in error && 'family' in error
      ? String(error.code)
      : `foreign: ${String(error)}`;
  }
  return 'nothing';
}
