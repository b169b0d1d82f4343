import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { errorCode, EvidenceFolder, ROOTS } from './evidence-folder.ts';

let folder: EvidenceFolder;

beforeAll(async () => {
  folder = await EvidenceFolder.filled();
});
afterAll(() => folder[Symbol.asyncDispose]());

describe('holdfast evidence verify', () => {
  it('accepts a report with everything that belongs to it, and says what it did not check', async () => {
    const files = ['report.bin', 'thim.json', 'uvm.cose', 'policy.rego', 'list.crl'];
    const { exitCode, output } = await folder.verify(...files, ...ROOTS);
    expect([exitCode, output.verdict, output.failed, output.simulated]).toEqual([0, 'ok', null, true]);
    const names = output.checks.map(({ part, name }) => `${part}: ${name}`);
    expect(names).toEqual(
      expect.arrayContaining(['report: host-data', 'report: chain-revocation', 'endorsement: measurement']),
    );
    expect(output.notChecked.map(({ what }) => what)).toEqual(['report data', 'minimum TCB', 'transparency receipts']);
  });

  it('writes every check, the verdict and the next step for people', async () => {
    const { exitCode, stdout, stderr } = await folder.run(['verify', 'debug.bin', 'chain.pem', ...ROOTS]);
    expect([exitCode, stderr]).toEqual([1, '']);
    expect(stdout).toContain(
      'debug.bin  SEV-SNP attestation report\nchain.pem  certificates\njudged as of 2026-06-01T12:00:00.000Z\n',
    );
    expect(stdout).toContain('  ok      report: report-signature\n  FAILED  report: debug');
    expect(stdout).toContain('not checked\n  report data: ');
    expect(stdout.split('\n').slice(-4)).toEqual([
      'This evidence stands under a root that --root named, not under AMD or Microsoft.',
      'verdict: refused. First reason: the guest may be debugged, so its memory is readable by the host [SNP_DEBUG_ALLOWED]',
      'next: Start the guest without the debug policy bit.',
      '',
    ]);
  });

  it('binds the runtime data of an attest request', async () => {
    const { output } = await folder.verify('request.json', ...ROOTS);
    expect(output.failed).toBeNull();
    expect(output.checks).toContainEqual({ part: 'report', name: 'report-data', ok: true });
  });

  it('judges a security-context folder, alone and with a report', async () => {
    const alone = await folder.verify('security-context-1', ...ROOTS);
    expect(alone.output.verdict).toBe('ok');
    expect(alone.output.notChecked.map(({ what }) => what)).toContain('host data');
    expect(await folder.reason('security-context-1', 'report.bin', ...ROOTS)).toBe('ok');
    expect(await folder.reason('security-context-1', 'other.bin', ...ROOTS)).toBe('SNP_HOST_DATA_MISMATCH');
  });

  it.each([
    ['the simulated root without --root', ['report.bin', 'chain.pem'], 'SNP_ROOT_UNTRUSTED'],
    ['a flipped bit', ['flipped.bin', 'chain.pem', ...ROOTS], 'SNP_SIGNATURE_INVALID'],
    ['a report without certificates', ['report.bin', ...ROOTS], 'SNP_CHAIN_INCOMPLETE'],
    ['the revocation of its issuer', ['report.bin', 'chain.pem', 'revoked.crl', ...ROOTS], 'SNP_REVOKED'],
    [
      'a moment after its chain',
      ['report.bin', 'chain.pem', '--root', 'root.pem', '--at', '2060-01-01'],
      'SNP_EXPIRED',
    ],
    ['an endorser that nobody trusts', ['uvm.cose', '--at', '2026-06-02'], 'UVM_ALGORITHM_REFUSED'],
  ])('refuses %s', async (_name, args, code) => {
    expect(await folder.reason(...args)).toBe(code);
  });

  it('compares the measurement of a report with the endorsement beside it', async () => {
    expect(await folder.reason('kata.bin', 'chain.pem', 'kata.cose', ...ROOTS)).toBe('ok');
    expect(await folder.reason('kata.bin', 'chain.pem', 'uvm.cose', ...ROOTS)).toBe('UVM_MEASUREMENT_MISMATCH');
  });

  it('takes the issuers of a lone VCEK from --root', async () => {
    expect(await folder.reason('report.bin', 'leaf.pem', '--root', 'chain.pem', '--at', '2026-06-02')).toBe('ok');
  });

  it('ends with 64 when it is not clear what to judge, or with what', async () => {
    const codes = await Promise.all(
      [
        ['report.bin', 'debug.bin'],
        ['policy.rego'],
        ['report.bin', '--root', 'policy.rego'],
        ['report.bin', '--root', 'nowhere.pem'],
        ['report.bin', '--at', 'yesterday'],
      ].map(async (args) => {
        const { exitCode, stdout } = await folder.run(['verify', ...args, '--json']);
        return [exitCode, errorCode(stdout)];
      }),
    );
    expect(codes).toEqual([
      [64, 'EVIDENCE_AMBIGUOUS'],
      [64, 'EVIDENCE_NOTHING_TO_JUDGE'],
      [64, 'EVIDENCE_ROOT_INVALID'],
      [64, 'EVIDENCE_ROOT_INVALID'],
      [64, 'USAGE'],
    ]);
  });
});
