import { createHash } from 'node:crypto';

import { describe, expect, it } from 'vitest';

import {
  amdRoots,
  appraiseSnpEvidence,
  parseCertificates,
  parseSnpCertificateTable,
  parseThimCertificates,
  thimCertificateBundle,
  thimTcb,
} from '../../src/index.ts';
import type { SnpEvidence, SnpEvidenceOptions } from '../../src/index.ts';
import { spkiSha256 } from '../../src/snp/roots.ts';
import { fromBase64Text, haveVectors, vectorBytes, vectorPem, vectorText } from '../support/vectors.ts';

const NOW = Date.UTC(2026, 5, 1);

function appraise(
  report: Uint8Array,
  certificates: SnpEvidence['certificates'],
  options: SnpEvidenceOptions = {},
  now = NOW,
) {
  const verdict = appraiseSnpEvidence({
    report,
    certificates,
    roots: amdRoots,
    now: () => now,
    options: { noFreshness: true, ...options },
  });
  return { ok: verdict.ok, product: verdict.product, failed: verdict.checks.flatMap((check) => check.code ?? []) };
}

function milan(leaf: string): string {
  return vectorPem(leaf) + vectorText('roots/milan_ask_ark_vcek.pem');
}

describe.skipIf(!haveVectors)('appraiseSnpEvidence on real evidence', () => {
  it.each([
    ['milan-v2-a', () => vectorBytes('milan-v2-a/report.bin'), () => milan('milan-v2-a/vcek.der')],
    [
      'milan-v2-b',
      () => fromBase64Text(vectorText('milan-v2-b/report.hex'), 'hex'),
      () => milan('milan-v2-b/vcek.der'),
    ],
    [
      'azure-cvm-igvm',
      () => vectorBytes('azure-cvm-igvm/attestation.bin').subarray(0, 1184),
      () => `${vectorText('azure-cvm-igvm/vcek.pem')}\n${vectorText('azure-cvm-igvm/certchain.pem')}`,
    ],
    [
      'az-snp-vtpm',
      () => vectorBytes('az-snp-vtpm/hcl-report.bin').subarray(32, 1216),
      () => vectorText('az-snp-vtpm/vcek.pem'),
    ],
  ])('accepts %s under the AMD root', (_name, report, certificates) => {
    expect(appraise(report(), certificates())).toEqual({ ok: true, product: 'Milan', failed: [] });
  });

  it('accepts a container group with its host certificates and policy', () => {
    const thim = parseThimCertificates(vectorBytes('caci-svn22/uvm_host_amd_certificate.json'));
    const policy = fromBase64Text(vectorText('caci-svn22/uvm_security_policy.base64'));
    const options = { hostData: createHash('sha256').update(policy).digest(), thimTcb: thimTcb(thim) };
    const report = vectorBytes('caci-svn22/snp_report.bin');
    expect(appraise(report, thimCertificateBundle(thim), options)).toEqual({ ok: true, product: 'Milan', failed: [] });
  });

  it('refuses host data of the Base64 text instead of the policy', () => {
    const thim = parseThimCertificates(vectorBytes('caci-svn22/uvm_host_amd_certificate.json'));
    const text = vectorText('caci-svn22/uvm_security_policy.base64');
    const options = { hostData: createHash('sha256').update(text).digest() };
    const verdict = appraise(vectorBytes('caci-svn22/snp_report.bin'), thimCertificateBundle(thim), options);
    expect(verdict.failed).toEqual(['SNP_HOST_DATA_MISMATCH']);
  });

  it('accepts a Genoa report with its certificate table', () => {
    const evidence = JSON.parse(vectorText('genoa-v3-tsm/report.json')) as { outblob: string; auxblob: string };
    const certificates = parseSnpCertificateTable(fromBase64Text(evidence.auxblob, 'base64url'), 'vcek');
    const verdict = appraise(fromBase64Text(evidence.outblob, 'base64url'), certificates);
    expect(verdict).toEqual({ ok: true, product: 'Genoa', failed: [] });
  });

  it('accepts a VLEK report only with the provider, the privilege level and the time allowed', () => {
    const report = vectorBytes('milan-v3-vlek/report.bin');
    const bundle = vectorPem('milan-v3-vlek/vlek.der') + vectorText('roots/milan_asvk_ark_vlek.pem');
    const options = { allowedVmpls: [1], allowedCspIds: ['CN=cc-us-east-2.amazonaws.com'] };
    expect(appraise(report, bundle, options, Date.UTC(2025, 5, 1)).ok).toBe(true);
    expect(appraise(report, bundle).failed).toEqual(['SNP_EXPIRED', 'SNP_CSP_REFUSED', 'SNP_VMPL_REFUSED']);
  });

  it('refuses a debug guest, and for nothing else', () => {
    const verdict = appraise(vectorBytes('negative/debug/report.bin'), milan('negative/debug/vcek.der'));
    expect(verdict.failed).toEqual(['SNP_DEBUG_ALLOWED']);
  });

  it.each(['negative/vcek-selfmade-legacy.der', 'negative/vcek-selfmade-new.der'])(
    'refuses the self-made %s',
    (leaf) => {
      const verdict = appraise(vectorBytes('milan-v2-a/report.bin'), milan(leaf));
      expect(verdict.failed[0]).toBe('SNP_CHAIN_SIGNATURE_INVALID');
    },
  );

  it('names the chip first when the certificate is of another machine', () => {
    const report = vectorBytes('az-snp-vtpm/hcl-report.bin').subarray(32, 1216);
    const bundle = `${vectorText('az-snp-vtpm/vcek-genoa.pem')}\n${vectorText('roots/genoa_ask_ark_vcek.pem')}`;
    const verdict = appraise(report, bundle);
    expect(verdict.failed).toEqual(['SNP_CHIP_ID_MISMATCH', 'SNP_TCB_MISMATCH', 'SNP_SIGNATURE_INVALID']);
  });

  it('refuses a Genoa certificate beside the issuer of Milan, and a VCEK under the issuer of VLEKs', () => {
    const report = vectorBytes('milan-v2-a/report.bin');
    const genoa = vectorText('az-snp-vtpm/vcek-genoa.pem');
    const mixed = appraise(report, `${genoa}\n${vectorText('roots/milan_ask_ark_vcek.pem')}`);
    expect(mixed.failed[0]).toBe('SNP_CHAIN_NAME_MISMATCH');
    const wrongIssuer = appraise(
      report,
      vectorPem('milan-v2-a/vcek.der') + vectorText('roots/milan_asvk_ark_vlek.pem'),
    );
    expect(wrongIssuer.failed[0]).toBe('SNP_CHAIN_NAME_MISMATCH');
  });

  it('knows the roots of all three products by their public keys', () => {
    const products = ['milan', 'genoa', 'turin'].map((name) => {
      const [, root] = parseCertificates(vectorText(`roots/${name}_ask_ark_vcek.pem`));
      return amdRoots.find((pin) => root !== undefined && pin.spkiSha256 === spkiSha256(root))?.product;
    });
    expect(products).toEqual(['Milan', 'Genoa', 'Turin']);
  });
});
