import { X509Certificate } from 'node:crypto';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { openCertificateAuthority } from '../../src/azure/index.ts';

describe('openCertificateAuthority', () => {
  let folder: string;
  beforeEach(async () => {
    folder = join(await mkdtemp(join(tmpdir(), 'holdfast-ca-')), 'ca');
  });
  afterEach(async () => rm(folder, { recursive: true, force: true }));

  it('makes an authority at first use, with a key that only its user can read, and keeps it', async () => {
    const first = await openCertificateAuthority(folder);
    const second = await openCertificateAuthority(folder);
    expect(second.caPem).toBe(first.caPem);
    expect((await stat(join(folder, 'ca-key.pem'))).mode & 0o777).toBe(0o600);
    const certificate = new X509Certificate(first.caPem);
    expect([certificate.ca, certificate.verify(certificate.publicKey)]).toEqual([true, true]);
  });

  it('issues server certificates for names and addresses that OpenSSL accepts', async () => {
    const authority = await openCertificateAuthority(folder);
    const server = await authority.issueServerCertificate({ hosts: ['localhost', '127.0.0.1', '::1'] });
    const [ca, leaf] = [new X509Certificate(authority.caPem), new X509Certificate(server.certificatePem)];
    expect([leaf.checkIssued(ca), leaf.verify(ca.publicKey), leaf.ca]).toEqual([true, true, false]);
    expect(leaf.checkHost('localhost')).toBe('localhost');
    expect([leaf.checkIP('127.0.0.1'), leaf.checkIP('::1'), leaf.checkIP('127.0.0.2')]).toEqual([
      '127.0.0.1',
      '::1',
      undefined,
    ]);
    expect(leaf.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1']);
  });

  it('starts anew after a first start that broke between key and certificate', async () => {
    const { caFile } = await openCertificateAuthority(folder);
    await rm(caFile);
    const again = await openCertificateAuthority(folder);
    expect(new X509Certificate(again.caPem).ca).toBe(true);
  });

  it('refuses a certificate that is not one, and a key that belongs to another', async () => {
    const { caFile } = await openCertificateAuthority(folder);
    const other = await openCertificateAuthority(join(folder, 'other'));
    await writeFile(caFile, other.caPem);
    await expect(openCertificateAuthority(folder)).rejects.toMatchObject({ code: 'LOCAL_CA_UNREADABLE' });
    await writeFile(caFile, 'not a certificate');
    await expect(openCertificateAuthority(folder)).rejects.toMatchObject({
      code: 'LOCAL_CA_UNREADABLE',
      details: { file: caFile },
    });
  });
});
