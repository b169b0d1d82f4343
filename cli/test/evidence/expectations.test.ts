import { toHex } from '@holdfast/base';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { bound, errorCode, EvidenceFolder, HOST_DATA, ROOTS } from './evidence-folder.ts';

let folder: EvidenceFolder;

beforeAll(async () => {
  folder = await EvidenceFolder.filled();
});
afterAll(() => folder[Symbol.asyncDispose]());

describe('holdfast evidence verify with expectations', () => {
  const chain = ['chain.pem', ...ROOTS];
  const ones = '01'.repeat(64);

  it.each<[string, readonly string[], string]>([
    ['its report data', ['report.bin', '--report-data', ones], 'ok'],
    ['other report data', ['report.bin', '--report-data', `${ones.slice(0, -1)}2`], 'SNP_REPORT_DATA_MISMATCH'],
    ['a digest where more is bound', ['report.bin', '--report-data', ones.slice(64)], 'SNP_REPORT_DATA_MISMATCH'],
    ['its runtime data', ['bound.bin', '--runtime-data', 'runtime.json'], 'ok'],
    ['other runtime data', ['bound.bin', '--runtime-data', 'policy.rego'], 'SNP_REPORT_DATA_MISMATCH'],
    ['its host data', ['report.bin', '--host-data', toHex(HOST_DATA)], 'ok'],
    ['other host data', ['report.bin', '--host-data', '0'.repeat(64)], 'SNP_HOST_DATA_MISMATCH'],
    ['its policy', ['report.bin', '--policy', 'policy.rego'], 'ok'],
    ['its policy in Base64', ['report.bin', '--policy', 'security-context-1/security-policy-base64'], 'ok'],
    ['another policy', ['report.bin', '--policy', 'runtime.json'], 'SNP_HOST_DATA_MISMATCH'],
    ['another measurement', ['report.bin', '--measurement', '0'.repeat(96)], 'SNP_MEASUREMENT_MISMATCH'],
    ['a TCB it has', ['report.bin', '--min-tcb', 'bootloader=4,tee=0,snp=24,microcode=219'], 'ok'],
    ['a TCB it has in part', ['report.bin', '--min-tcb', 'microcode=219'], 'ok'],
    ['one component more', ['report.bin', '--min-tcb', 'snp=25'], 'SNP_TCB_TOO_LOW'],
    ['another privilege level', ['report.bin', '--vmpl', '1'], 'SNP_VMPL_REFUSED'],
    ['a nonce, which a report has not', ['report.bin', '--nonce', 'n'], 'EVIDENCE_EXPECTATION_UNCHECKED'],
    ['an issuer, which a report has not', ['report.bin', '--issuer', 'https://a'], 'EVIDENCE_EXPECTATION_UNCHECKED'],
  ])('compares a report with %s', async (_name, args, code) => {
    await folder.save('runtime.json', '{"a":1}');
    await folder.save(
      'bound.bin',
      folder.platform.attester.report({ reportData: bound('{"a":1}'), hostData: HOST_DATA }),
    );
    expect(await folder.reason(...args, ...chain)).toBe(code);
  });

  it('names the measurement of a guest, in a report and in an endorsement alone', async () => {
    const measurement = toHex(folder.platform.measurement);
    expect(await folder.reason('report.bin', '--measurement', measurement, ...chain)).toBe('ok');
    expect(await folder.reason('uvm.cose', '--measurement', measurement, ...ROOTS)).toBe('ok');
    expect(await folder.reason('kata.cose', '--measurement', measurement, ...ROOTS)).toBe('UVM_MEASUREMENT_MISMATCH');
  });

  it('says no longer that it did not check what it compared', async () => {
    const flags = ['--report-data', ones, '--host-data', toHex(HOST_DATA), '--min-tcb', 'snp=24'];
    const { output } = await folder.verify(
      'report.bin',
      ...flags,
      '--measurement',
      toHex(folder.platform.measurement),
      ...chain,
    );
    expect(output.notChecked.map(({ what }) => what)).toEqual(['revocation']);
  });

  it('does not let host data of a report alone pass for those of a policy that says otherwise', async () => {
    expect(await folder.reason('report.bin', 'policy.rego', '--host-data', '0'.repeat(64), ...chain)).toBe(
      'SNP_HOST_DATA_MISMATCH',
    );
  });

  it('fails an expectation of host data where there are certificates only', async () => {
    expect(await folder.reason('chain.pem', '--host-data', toHex(HOST_DATA), ...ROOTS)).toBe(
      'EVIDENCE_EXPECTATION_UNCHECKED',
    );
  });

  it.each([
    [['--report-data', 'xyz'], 'USAGE'],
    [['--host-data', 'ab'], 'USAGE'],
    [['--measurement', 'ab'], 'USAGE'],
    [['--min-tcb', 'snp'], 'USAGE'],
    [['--min-tcb', 'snp=256'], 'USAGE'],
    [['--min-tcb', 'snp=1,snp=2'], 'USAGE'],
    [['--min-tcb', 'firmware=1'], 'USAGE'],
    [['--vmpl', '4'], 'USAGE'],
    [['--nonce', 'hex:abc'], 'USAGE'],
    [['--nonce', ''], 'USAGE'],
    [['--report-data', ones, '--runtime-data', 'policy.rego'], 'EVIDENCE_EXPECTATION_INVALID'],
    [['--host-data', '0'.repeat(64), '--policy', 'policy.rego'], 'EVIDENCE_EXPECTATION_INVALID'],
    [['--policy', 'nowhere'], 'EVIDENCE_EXPECTATION_INVALID'],
  ])('ends with 64 for %j', async (flags, code) => {
    const { exitCode, stdout } = await folder.run(['verify', 'report.bin', ...flags, '--json']);
    expect([exitCode, errorCode(stdout)]).toEqual([64, code]);
  });
});
