import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import { createTokenSigner, issueAttestationToken, jwksFor } from '@holdfast/attestation';
import { toHex } from '@holdfast/base';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { CapturedRun } from '../captured-io.ts';
import { bound, EvidenceFolder, HOST_DATA, NOW } from './evidence-folder.ts';

let folder: EvidenceFolder;

beforeAll(async () => {
  folder = await EvidenceFolder.filled();
});
afterAll(() => folder[Symbol.asyncDispose]());

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
      'x-ms-sevsnpvm-hostdata': toHex(HOST_DATA),
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
    await folder.save('token.jwt', issueAttestationToken(claims, signer));
    await folder.save(
      'answer.json',
      JSON.stringify({ token: issueAttestationToken({ ...claims, 'x-ms-test-root': true }, signer) }),
    );
    await folder.save('certs.json', JSON.stringify(jwksFor(certificate)));
  });
  afterAll(() => {
    server.close();
  });

  it('needs the key set of its issuer: as a file, or fetched', async () => {
    expect(await folder.reason('token.jwt', '--at', '2026-06-01')).toBe('ATTESTATION_TOKEN_KID_UNKNOWN');
    expect(await folder.reason('token.jwt', 'certs.json', '--at', '2026-06-01')).toBe('ok');
    expect(await folder.reason('token.jwt', '--fetch', '--at', '2026-06-01')).toBe('ok');
  });

  it('judges its times, and refuses the simulated platform unless a root was named', async () => {
    expect(await folder.reason('token.jwt', 'certs.json', '--at', '2026-06-02')).toBe('ATTESTATION_TOKEN_EXPIRED');
    expect(await folder.reason('answer.json', 'certs.json', '--at', '2026-06-01')).toBe('ATTESTATION_TOKEN_TEST_ROOT');
    expect(await folder.reason('answer.json', 'certs.json', '--at', '2026-06-01', '--root', 'root.pem')).toBe('ok');
  });

  it('compares its claims with what is expected', async () => {
    await folder.save('runtime.json', '{"a":1}');
    const judged = async (...flags: readonly string[]): Promise<string> =>
      folder.reason('token.jwt', 'certs.json', '--at', '2026-06-01', ...flags);
    const bindings = ['--nonce', 'n-1', '--runtime-data', 'runtime.json', '--host-data', toHex(HOST_DATA)];
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
    const { vcekCert, certificateChain } = folder.platform.thimCertificates();
    const inspected = await folder.run(['inspect', 'report.bin', '--json']);
    const { items } = JSON.parse(inspected.stdout) as { items: { facts: Record<string, string> }[] };
    answers.set(`/vcek/v1/Milan/${items[0]?.facts['chip id'] ?? ''}`, vcekCert);
    answers.set('/vcek/v1/Milan/cert_chain', certificateChain);
    answers.set('/vcek/v1/Milan/crl', folder.platform.revocationList().der);
    const run = (...args: readonly string[]): Promise<CapturedRun> =>
      folder.run(['verify', ...args], { HOLDFAST_AMD_KEY_SERVICE: issuer });
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
