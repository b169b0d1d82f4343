import { beforeAll, describe, expect, it } from 'vitest';

import {
  appraiseSnpEvidence,
  certificatesToPem,
  generateSimulatedPlatformKeys,
  simulatedRoot,
  SnpChainCache,
} from '../../src/index.ts';
import type { SimulatedPlatformKeys, SnpEvidence, SnpTrustedRoot } from '../../src/index.ts';
import { CHIP_ID, makeChain, makeReport, NOW } from '../support/chain.ts';

let keys: SimulatedPlatformKeys;
let roots: readonly SnpTrustedRoot[];
let bundle: string;

beforeAll(async () => {
  keys = await generateSimulatedPlatformKeys({ rsaModulusLength: 2048 });
  const { vcek, ask, ark } = makeChain(keys);
  roots = [simulatedRoot(ark.der)];
  bundle = certificatesToPem([vcek, ask, ark]);
});

function failures(chainCache: SnpChainCache, changes: Partial<SnpEvidence> = {}): readonly string[] {
  const evidence = {
    report: makeReport(keys),
    certificates: bundle,
    roots,
    now: () => NOW,
    options: { noFreshness: true },
  };
  return appraiseSnpEvidence({ ...evidence, chainCache, ...changes }).checks.flatMap((check) => check.code ?? []);
}

describe('SnpChainCache', () => {
  it('gives the same verdict from memory, check for check', () => {
    const chainCache = new SnpChainCache();
    const evidence = {
      report: makeReport(keys),
      certificates: bundle,
      roots,
      now: () => NOW,
      options: { noFreshness: true },
    };
    const plain = appraiseSnpEvidence(evidence);
    for (let round = 0; round < 2; round += 1)
      expect(appraiseSnpEvidence({ ...evidence, chainCache }).checks).toEqual(plain.checks);
    expect(chainCache.size).toBe(1);
  });

  it('still compares time, chip, product and key kind for every report', () => {
    const cache = new SnpChainCache();
    expect(failures(cache)).toEqual([]);
    expect(failures(cache, { now: () => NOW + 400 * 86_400_000 })).toContain('SNP_EXPIRED');
    const other = Uint8Array.from(CHIP_ID).fill(9);
    expect(failures(cache, { report: makeReport(keys, { chipId: other }) })).toEqual(['SNP_CHIP_ID_MISMATCH']);
    const genoa = { cpuid: { family: 0x19, model: 0x11, stepping: 0 } };
    expect(failures(cache, { report: makeReport(keys, genoa) })).toContain('SNP_PRODUCT_UNKNOWN');
    expect(failures(cache, { report: makeReport(keys, { keyInfo: 1 << 2 }) })).toContain('SNP_KEY_KIND_MISMATCH');
    expect(cache.size).toBe(1);
  });

  it('verifies again when the trust is another, and forgets what no longer holds under it', () => {
    const cache = new SnpChainCache();
    expect(failures(cache)).toEqual([]);
    expect(failures(cache, { roots: [] })).toContain('SNP_ROOT_UNTRUSTED');
    expect(failures(cache)).toEqual([]);
  });

  it('asks the revocation list on every use', () => {
    const cache = new SnpChainCache();
    expect(failures(cache)).toEqual([]);
    expect(failures(cache, { revocation: { mode: 'hard', lists: [] } })).toEqual(['SNP_REVOCATION_UNKNOWN']);
  });

  it('keeps nothing that has a problem', () => {
    const cache = new SnpChainCache();
    const { vcek, ask, ark } = makeChain(keys, { leafAlgorithm: 'rsa-sha384' });
    expect(failures(cache, { certificates: [vcek, ask, ark] })).toEqual(['SNP_CHAIN_SIGNATURE_INVALID']);
    expect(failures(cache, { certificates: 'nonsense' })).toEqual(['X509_PEM_MALFORMED']);
    expect(cache.size).toBe(0);
  });

  it('drops the bundle that was used least recently', () => {
    const cache = new SnpChainCache({ maxEntries: 2 });
    const bundles = [1, 2, 3].map((serial) => {
      const { vcek, ask, ark } = makeChain(keys, { notAfter: NOW + serial * 86_400_000 });
      return [vcek, ask, ark];
    });
    for (const certificates of bundles) expect(failures(cache, { certificates })).toEqual([]);
    expect(cache.size).toBe(2);
  });
});
