import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { vectorsFolder } from '@holdfast/base/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { EvidenceFolder } from './evidence-folder.ts';

let folder: EvidenceFolder;

beforeAll(async () => {
  folder = await EvidenceFolder.create();
});
afterAll(() => folder[Symbol.asyncDispose]());

const vectors = vectorsFolder();

describe.skipIf(vectors === undefined)('holdfast evidence verify of real evidence', () => {
  const snp = (name: string): string => join(vectors ?? '', 'snp', name);
  const chain = ['--root', snp('roots/milan_ask_ark_vcek.pem')];

  it.each<[string, readonly string[], string]>([
    ['milan', [snp('milan-v2-a/report.bin'), snp('milan-v2-a/vcek.der'), ...chain], 'ok'],
    ['genoa with its table', [snp('genoa-v3-tsm/report.json')], 'ok'],
    ['a confidential VM', [snp('az-snp-vtpm/evidence-v1.json'), ...chain], 'ok'],
    ['the same in the older form', [snp('az-snp-vtpm/evidence-v0.json'), snp('roots/milan_ask_ark_vcek.pem')], 'ok'],
    ['a paravisor report', [snp('az-snp-vtpm/hcl-report.bin'), snp('az-snp-vtpm/vcek.pem')], 'ok'],
    [
      'a report with its header',
      ['attestation.bin', 'vcek.pem', 'certchain.pem'].map((name) => snp(`azure-cvm-igvm/${name}`)),
      'ok',
    ],
    ['an attest request', [snp('maa/request-report-member.b64url')], 'ok'],
    ['a security context', [snp('security-context')], 'ok'],
    [
      'an endorsement with receipts',
      [snp('cose/esrp_transparent_hash_envelop.cose'), snp('cose/esrp_db_ledger_pub_keys.json')],
      'ok',
    ],
    [
      'receipts of another ledger',
      [snp('cose/esrp_transparent_hash_envelop.cose'), snp('cose/esrp_cp_ledger_pub_keys.json')],
      'UVM_RECEIPT_INVALID',
    ],
    [
      'an old build',
      [
        'snp_report.bin',
        'uvm_host_amd_certificate.json',
        'body.uvm_reference_info.bin',
        'uvm_security_policy.base64',
      ].map((name) => snp(`caci-svn22/${name}`)),
      'UVM_SVN_TOO_LOW',
    ],
    [
      'a debug guest',
      [snp('negative/debug/report.bin'), snp('negative/debug/vcek.der'), ...chain],
      'SNP_DEBUG_ALLOWED',
    ],
    ['a stand-in', [snp('negative/fake_report_v1.hex')], 'SNP_VERSION_UNSUPPORTED'],
    [
      'a token of an unknown key',
      [snp('maa/sev-snp-jwt.txt'), snp('maa/certs-response.json')],
      'ATTESTATION_TOKEN_KID_UNKNOWN',
    ],
  ])('judges %s', async (_name, args, code) => {
    expect(await folder.reason(...args, '--at', '2026-06-01')).toBe(code);
  });

  it('accepts the VLEK of a provider that was named, at its privilege level, while the certificate was valid', async () => {
    const files = [snp('milan-v3-vlek/report.bin'), snp('milan-v3-vlek/vlek.der')];
    const args = [...files, '--root', snp('roots/milan_asvk_ark_vlek.pem'), '--at', '2025-06-01', '--vmpl', '1'];
    expect(await folder.reason(...args, '--provider', 'CN=cc-us-east-2.amazonaws.com')).toBe('ok');
    expect(await folder.reason(...args)).toBe('SNP_CSP_REFUSED');
  });

  it('compares the quote of a confidential VM with a nonce', async () => {
    const evidenceOf = [snp('az-snp-vtpm/evidence-v1.json'), ...chain, '--at', '2026-06-01'];
    expect(await folder.reason(...evidenceOf, '--nonce', 'other')).toBe('VTPM_NONCE_MISMATCH');
    expect(await folder.reason(...evidenceOf, '--nonce', 'challenge')).toBe('ok');
    expect(await folder.reason(...evidenceOf, '--nonce', 'hex:6368616c6c656e6765')).toBe('ok');
  });

  it('reads the same report from every wrapping', async () => {
    const report = await readFile(snp('milan-v2-a/report.bin'));
    await folder.save('wrapped.txt', Buffer.from(report.toString('base64url')).toString('base64'));
    const { stdout } = await folder.run(['inspect', 'wrapped.txt']);
    expect(stdout).toContain('SEV-SNP attestation report');
  });
});
