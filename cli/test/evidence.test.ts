import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

import {
  createSimulatedPlatform,
  createTokenSigner,
  formatAttestSevSnpVmRequest,
  formatThimCertificates,
  generateSimulatedPlatformKeys,
  issueAttestationToken,
  jwksFor,
  thimCertificateBundle,
} from '@holdfast/attestation';
import type { SimulatedPlatform } from '@holdfast/attestation';
import { toBase64, toHex, toUtf8 } from '@holdfast/base';
import { vectorsFolder } from '@holdfast/base/testing';
import { temporaryFolder } from '@holdfast/local/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { capture } from './captured-io.ts';
import type { CapturedRun } from './captured-io.ts';

const NOW = Date.UTC(2026, 5, 1);
const policy = toUtf8('package policy\n\nallow := true\n');
const hostData = new Uint8Array(createHash('sha256').update(policy).digest());
let home: Awaited<ReturnType<typeof temporaryFolder>>;
let folder: string;
let platform: SimulatedPlatform;

beforeAll(async () => {
  home = await temporaryFolder();
  folder = home.path;
  const keys = await generateSimulatedPlatformKeys({ rsaModulusLength: 2048 });
  platform = createSimulatedPlatform({ random: (length) => randomBytes(length), now: () => NOW, keys });
  const report = platform.attester.report({ reportData: new Uint8Array(64).fill(1), hostData });
  const debug = platform.attester.report({ reportData: new Uint8Array(64), hostData, debug: true });
  const thim = platform.thimCertificates();
  const context = join(folder, 'security-context-1');
  await mkdir(context);
  await mkdir(join(folder, 'empty'));
  await Promise.all([
    save('report.bin', report),
    save('debug.bin', debug),
    save('other.bin', platform.attester.report({ reportData: new Uint8Array(64), hostData: new Uint8Array(32) })),
    save(
      'kata.bin',
      platform.attester.report({ reportData: new Uint8Array(64), hostData, measurement: platform.kata.measurement }),
    ),
    save('kata.cose', platform.kata.uvmEndorsement()),
    save('report.hex', `${toHex(report)}\n`),
    save('report.b64', toBase64(report)),
    save('sidecar.json', JSON.stringify({ report: toHex(report) })),
    save('cut.bin', report.subarray(0, 1000)),
    save('flipped.bin', Uint8Array.from(report).fill(9, 80, 81)),
    save('chain.pem', thimCertificateBundle(thim)),
    save('leaf.pem', thim.vcekCert),
    save('thim.json', formatThimCertificates(thim)),
    save('combined.bin', Buffer.concat([report, toUtf8(thimCertificateBundle(thim))])),
    save('uvm.cose', platform.uvmEndorsement()),
    save('policy.rego', policy),
    save('root.pem', platform.rootPem),
    save('endorser-root.pem', platform.endorserRootPem),
    save('list.crl', platform.revocationList().der),
    save('revoked.crl', platform.revocationList({ revoked: true }).der),
    save('noise.bin', randomBytes(700).fill(0, 0, 1)),
    writeFile(join(context, 'security-policy-base64'), toBase64(policy)),
    writeFile(join(context, 'host-amd-cert-base64'), toBase64(toUtf8(formatThimCertificates(thim)))),
    writeFile(join(context, 'reference-info-base64'), toBase64(platform.uvmEndorsement())),
  ]);
  await save(
    'request.json',
    formatAttestSevSnpVmRequest({
      snpReport: platform.attester.report({ reportData: bound('{"a":1}'), hostData }),
      vcekCertChain: thimCertificateBundle(thim),
      uvmEndorsements: [platform.uvmEndorsement()],
      runtimeData: { data: toUtf8('{"a":1}'), dataType: 'JSON' },
    }),
  );
});

afterAll(() => home[Symbol.asyncDispose]());

function save(name: string, content: string | Uint8Array): Promise<void> {
  return writeFile(join(folder, name), content);
}

function bound(text: string): Uint8Array {
  return Buffer.concat([createHash('sha256').update(text).digest(), Buffer.alloc(32)]);
}

function evidence(...args: readonly string[]): Promise<CapturedRun> {
  return capture(['evidence', ...args], { cwd: folder });
}

const ROOTS = ['--root', 'root.pem', '--root', 'endorser-root.pem', '--at', '2026-06-01T12:00:00Z'];

interface VerifyOutput {
  readonly version: number;
  readonly verdict: string;
  readonly failed: { readonly part: string; readonly name: string; readonly code: string } | null;
  readonly simulated: boolean;
  readonly items: readonly { readonly kind: string }[];
  readonly checks: readonly { readonly part: string; readonly name: string; readonly ok: boolean }[];
  readonly notChecked: readonly { readonly what: string }[];
}

async function verify(
  ...args: readonly string[]
): Promise<{ readonly exitCode: number; readonly output: VerifyOutput }> {
  const { exitCode, stdout } = await evidence('verify', ...args, '--json');
  return { exitCode, output: JSON.parse(stdout) as VerifyOutput };
}

async function reason(...args: readonly string[]): Promise<string> {
  const { exitCode, output } = await verify(...args);
  expect([exitCode, output.verdict]).toEqual(output.failed === null ? [0, 'ok'] : [1, 'refused']);
  return output.failed?.code ?? 'ok';
}

describe('holdfast evidence inspect', () => {
  it('says what a report is and what it claims', async () => {
    const { exitCode, stdout, stderr } = await evidence('inspect', 'report.bin');
    expect([exitCode, stderr]).toEqual([0, '']);
    expect(stdout.split('\n').slice(0, 8)).toEqual([
      'report.bin: SEV-SNP attestation report',
      '  version            3',
      '  product            Milan',
      '  vmpl               0',
      '  guest policy       0x3001f',
      '  debug allowed      no',
      '  migration allowed  no',
      '  smt allowed        yes',
    ]);
    expect(stdout).toContain(`  host data          ${toHex(hostData)}\n`);
  });

  it.each([
    ['report.bin', ['report']],
    ['report.hex', ['report']],
    ['report.b64', ['report']],
    ['sidecar.json', ['report']],
    ['combined.bin', ['report', 'certificates']],
    ['request.json', ['report', 'certificates', 'endorsement', 'runtime-data']],
    ['thim.json', ['host-certificates']],
    ['chain.pem', ['certificates']],
    ['uvm.cose', ['endorsement']],
    ['list.crl', ['revocation-list']],
    ['policy.rego', ['security-policy']],
    ['security-context-1', ['security-policy', 'host-certificates', 'endorsement']],
  ])('recognises %s', async (file, kinds) => {
    const { exitCode, stdout } = await evidence('inspect', file, '--json');
    const { version, items } = JSON.parse(stdout) as { version: number; items: { kind: string; facts: object }[] };
    expect([exitCode, version, items.map(({ kind }) => kind)]).toEqual([0, 1, kinds]);
    expect(items.every(({ facts }) => !('problem' in facts))).toBe(true);
  });

  it('ends with 1 for a file that is no evidence, and says which and why', async () => {
    for (const file of ['cut.bin', 'noise.bin']) {
      const { exitCode, stdout, stderr } = await evidence('inspect', file);
      expect([exitCode, stdout]).toEqual([1, '']);
      expect(stderr).toMatch(new RegExp(`^holdfast: ${file}: this is no evidence .* \\[EVIDENCE_UNRECOGNISED\\]\n$`));
    }
  });

  it('ends with 64 for a file that is not there, a folder without evidence, and no file at all', async () => {
    for (const args of [['nothing.bin'], ['empty'], []]) expect((await evidence('inspect', ...args)).exitCode).toBe(64);
    const { stdout } = await evidence('inspect', 'nothing.bin', '--json');
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'EVIDENCE_UNREADABLE' } });
  });

  it('lets no text of a file steer the terminal', async () => {
    await save('evil.json', JSON.stringify({ keys: [{ kty: 'RSA', kid: 'a\u001b[2Jb\u202ec' }] }));
    expect((await evidence('inspect', 'evil.json')).stdout).toContain('a?[2Jb?c');
  });
});

describe('holdfast evidence verify', () => {
  it('accepts a report with everything that belongs to it, and says what it did not check', async () => {
    const files = ['report.bin', 'thim.json', 'uvm.cose', 'policy.rego', 'list.crl'];
    const { exitCode, output } = await verify(...files, ...ROOTS);
    expect([exitCode, output.verdict, output.failed, output.simulated]).toEqual([0, 'ok', null, true]);
    const names = output.checks.map(({ part, name }) => `${part}: ${name}`);
    expect(names).toEqual(
      expect.arrayContaining(['report: host-data', 'report: chain-revocation', 'endorsement: measurement']),
    );
    expect(output.notChecked.map(({ what }) => what)).toEqual(['report data', 'minimum TCB', 'transparency receipts']);
  });

  it('writes every check, the verdict and the next step for people', async () => {
    const { exitCode, stdout, stderr } = await evidence('verify', 'debug.bin', 'chain.pem', ...ROOTS);
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
    const { output } = await verify('request.json', ...ROOTS);
    expect(output.failed).toBeNull();
    expect(output.checks).toContainEqual({ part: 'report', name: 'report-data', ok: true });
  });

  it('judges a security-context folder, alone and with a report', async () => {
    const alone = await verify('security-context-1', ...ROOTS);
    expect(alone.output.verdict).toBe('ok');
    expect(alone.output.notChecked.map(({ what }) => what)).toContain('host data');
    expect(await reason('security-context-1', 'report.bin', ...ROOTS)).toBe('ok');
    expect(await reason('security-context-1', 'other.bin', ...ROOTS)).toBe('SNP_HOST_DATA_MISMATCH');
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
    expect(await reason(...args)).toBe(code);
  });

  it('compares the measurement of a report with the endorsement beside it', async () => {
    expect(await reason('kata.bin', 'chain.pem', 'kata.cose', ...ROOTS)).toBe('ok');
    expect(await reason('kata.bin', 'chain.pem', 'uvm.cose', ...ROOTS)).toBe('UVM_MEASUREMENT_MISMATCH');
  });

  it('takes the issuers of a lone VCEK from --root', async () => {
    expect(await reason('report.bin', 'leaf.pem', '--root', 'chain.pem', '--at', '2026-06-02')).toBe('ok');
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
        const { exitCode, stdout } = await evidence('verify', ...args, '--json');
        return [exitCode, (JSON.parse(stdout) as { error: { code: string } }).error.code];
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

describe('holdfast evidence verify with expectations', () => {
  const chain = ['chain.pem', ...ROOTS];
  const ones = '01'.repeat(64);

  it.each<[string, readonly string[], string]>([
    ['its report data', ['report.bin', '--report-data', ones], 'ok'],
    ['other report data', ['report.bin', '--report-data', `${ones.slice(0, -1)}2`], 'SNP_REPORT_DATA_MISMATCH'],
    ['a digest where more is bound', ['report.bin', '--report-data', ones.slice(64)], 'SNP_REPORT_DATA_MISMATCH'],
    ['its runtime data', ['bound.bin', '--runtime-data', 'runtime.json'], 'ok'],
    ['other runtime data', ['bound.bin', '--runtime-data', 'policy.rego'], 'SNP_REPORT_DATA_MISMATCH'],
    ['its host data', ['report.bin', '--host-data', toHex(hostData)], 'ok'],
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
    await save('runtime.json', '{"a":1}');
    await save('bound.bin', platform.attester.report({ reportData: bound('{"a":1}'), hostData }));
    expect(await reason(...args, ...chain)).toBe(code);
  });

  it('names the measurement of a guest, in a report and in an endorsement alone', async () => {
    const measurement = toHex(platform.measurement);
    expect(await reason('report.bin', '--measurement', measurement, ...chain)).toBe('ok');
    expect(await reason('uvm.cose', '--measurement', measurement, ...ROOTS)).toBe('ok');
    expect(await reason('kata.cose', '--measurement', measurement, ...ROOTS)).toBe('UVM_MEASUREMENT_MISMATCH');
  });

  it('says no longer that it did not check what it compared', async () => {
    const flags = ['--report-data', ones, '--host-data', toHex(hostData), '--min-tcb', 'snp=24'];
    const { output } = await verify('report.bin', ...flags, '--measurement', toHex(platform.measurement), ...chain);
    expect(output.notChecked.map(({ what }) => what)).toEqual(['revocation']);
  });

  it('does not let host data of a report alone pass for those of a policy that says otherwise', async () => {
    expect(await reason('report.bin', 'policy.rego', '--host-data', '0'.repeat(64), ...chain)).toBe(
      'SNP_HOST_DATA_MISMATCH',
    );
  });

  it('fails an expectation of host data where there are certificates only', async () => {
    expect(await reason('chain.pem', '--host-data', toHex(hostData), ...ROOTS)).toBe('EVIDENCE_EXPECTATION_UNCHECKED');
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
    const { exitCode, stdout } = await evidence('verify', 'report.bin', ...flags, '--json');
    expect([exitCode, (JSON.parse(stdout) as { error: { code: string } }).error.code]).toEqual([64, code]);
  });
});

describe('holdfast evidence verify of tokens', () => {
  const issuedAt = NOW / 1000;
  let issuer: string;
  let server: Server;
  const answers = new Map<string, Uint8Array | string>();

  beforeAll(async () => {
    server = createServer((request, response) => {
      const answer = answers.get((request.url ?? '').split('?')[0] ?? '');
      response.statusCode = answer === undefined ? 404 : 200;
      response.end(answer);
    });
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const pair = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const life = { serial: Uint8Array.of(1), notBefore: NOW, notAfter: NOW + 1e10 };
    const { certificate, kid } = createTokenSigner({ issuer, ...pair, ...life });
    const claims = {
      iss: issuer,
      iat: issuedAt,
      nbf: issuedAt,
      exp: issuedAt + 3600,
      'x-ms-ver': '1.0',
      'x-ms-attestation-type': 'sevsnpvm',
      'x-ms-sevsnpvm-is-debuggable': false,
      nonce: 'n-1',
      'x-ms-sevsnpvm-hostdata': toHex(hostData),
      'x-ms-sevsnpvm-launchmeasurement': 'ab'.repeat(48),
      'x-ms-sevsnpvm-reportdata': toHex(bound('{"a":1}')),
      'x-ms-sevsnpvm-bootloader-svn': 3,
      'x-ms-sevsnpvm-tee-svn': 0,
      'x-ms-sevsnpvm-snpfw-svn': 8,
      'x-ms-sevsnpvm-microcode-svn': 115,
      'x-ms-sevsnpvm-vmpl': 0,
    };
    const signer = { signingKey: pair.privateKey, kid, jku: `${issuer}/certs` };
    answers.set('/certs', JSON.stringify(jwksFor(certificate)));
    await save('token.jwt', issueAttestationToken(claims, signer));
    await save(
      'answer.json',
      JSON.stringify({ token: issueAttestationToken({ ...claims, 'x-ms-test-root': true }, signer) }),
    );
    await save('certs.json', JSON.stringify(jwksFor(certificate)));
  });
  afterAll(() => {
    server.close();
  });

  it('needs the key set of its issuer: as a file, or fetched', async () => {
    expect(await reason('token.jwt', '--at', '2026-06-01')).toBe('ATTESTATION_TOKEN_KID_UNKNOWN');
    expect(await reason('token.jwt', 'certs.json', '--at', '2026-06-01')).toBe('ok');
    expect(await reason('token.jwt', '--fetch', '--at', '2026-06-01')).toBe('ok');
  });

  it('judges its times, and refuses the simulated platform unless a root was named', async () => {
    expect(await reason('token.jwt', 'certs.json', '--at', '2026-06-02')).toBe('ATTESTATION_TOKEN_EXPIRED');
    expect(await reason('answer.json', 'certs.json', '--at', '2026-06-01')).toBe('ATTESTATION_TOKEN_TEST_ROOT');
    expect(await reason('answer.json', 'certs.json', '--at', '2026-06-01', '--root', 'root.pem')).toBe('ok');
  });

  it('compares its claims with what is expected', async () => {
    await save('runtime.json', '{"a":1}');
    const judged = async (...flags: readonly string[]): Promise<string> =>
      reason('token.jwt', 'certs.json', '--at', '2026-06-01', ...flags);
    const bindings = ['--nonce', 'n-1', '--runtime-data', 'runtime.json', '--host-data', toHex(hostData)];
    const platformFlags = ['--measurement', 'ab'.repeat(48), '--vmpl', '0', '--min-tcb', 'snp=8,microcode=115'];
    expect(await judged(...bindings, ...platformFlags, '--issuer', issuer)).toBe('ok');
    expect(await judged('--report-data', toHex(bound('{"a":1}')))).toBe('ok');
    expect(await judged('--nonce', 'n-2')).toBe('ATTESTATION_TOKEN_NONCE');
    expect(await judged('--host-data', '0'.repeat(64))).toBe('ATTESTATION_TOKEN_CLAIM');
    expect(await judged('--min-tcb', 'snp=9')).toBe('ATTESTATION_TOKEN_CLAIM');
    expect(await judged('--runtime-data', 'policy.rego')).toBe('ATTESTATION_TOKEN_BINDING');
    expect(await judged('--report-data', '0'.repeat(64))).toBe('ATTESTATION_TOKEN_BINDING');
    expect(await judged('--issuer', `${issuer}/`)).toBe('ATTESTATION_TOKEN_ISSUER');
    expect(await judged('--provider', 'x')).toBe('EVIDENCE_EXPECTATION_UNCHECKED');
  });

  it('fetches certificates and the revocation list of a report', async () => {
    const { vcekCert, certificateChain } = platform.thimCertificates();
    const inspected = await evidence('inspect', 'report.bin', '--json');
    const { items } = JSON.parse(inspected.stdout) as { items: { facts: Record<string, string> }[] };
    answers.set(`/vcek/v1/Milan/${items[0]?.facts['chip id'] ?? ''}`, vcekCert);
    answers.set('/vcek/v1/Milan/cert_chain', certificateChain);
    answers.set('/vcek/v1/Milan/crl', platform.revocationList().der);
    const run = (...args: readonly string[]): Promise<CapturedRun> =>
      capture(['evidence', 'verify', ...args], { cwd: folder, env: { HOLDFAST_AMD_KEY_SERVICE: issuer } });
    const { exitCode, stdout } = await run('report.bin', '--fetch', '--root', 'root.pem', '--at', '2026-06-02');
    expect(stdout).toContain('ok      report: chain-revocation');
    expect(exitCode).toBe(0);
    // What a key service serves is trusted only under a root that is trusted already.
    const unrooted = await run('report.bin', '--fetch', '--at', '2026-06-02');
    expect([unrooted.exitCode, unrooted.stdout.includes('SNP_CHAIN_INCOMPLETE')]).toEqual([1, true]);
    answers.delete('/vcek/v1/Milan/cert_chain');
    const failed = await run('report.bin', '--fetch', '--root', 'root.pem');
    expect([failed.exitCode, failed.stderr.includes('[EVIDENCE_FETCH_FAILED]')]).toEqual([1, true]);
  });
});

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
    expect(await reason(...args, '--at', '2026-06-01')).toBe(code);
  });

  it('accepts the VLEK of a provider that was named, at its privilege level, while the certificate was valid', async () => {
    const files = [snp('milan-v3-vlek/report.bin'), snp('milan-v3-vlek/vlek.der')];
    const args = [...files, '--root', snp('roots/milan_asvk_ark_vlek.pem'), '--at', '2025-06-01', '--vmpl', '1'];
    expect(await reason(...args, '--provider', 'CN=cc-us-east-2.amazonaws.com')).toBe('ok');
    expect(await reason(...args)).toBe('SNP_CSP_REFUSED');
  });

  it('compares the quote of a confidential VM with a nonce', async () => {
    const evidenceOf = [snp('az-snp-vtpm/evidence-v1.json'), ...chain, '--at', '2026-06-01'];
    expect(await reason(...evidenceOf, '--nonce', 'other')).toBe('VTPM_NONCE_MISMATCH');
    expect(await reason(...evidenceOf, '--nonce', 'challenge')).toBe('ok');
    expect(await reason(...evidenceOf, '--nonce', 'hex:6368616c6c656e6765')).toBe('ok');
  });

  it('reads the same report from every wrapping', async () => {
    const report = await readFile(snp('milan-v2-a/report.bin'));
    await save('wrapped.txt', Buffer.from(report.toString('base64url')).toString('base64'));
    const { stdout } = await evidence('inspect', 'wrapped.txt');
    expect(stdout).toContain('SEV-SNP attestation report');
  });
});
