import { execFileSync } from 'node:child_process';
import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { openCertificateStore, openKeyStore, openKeyVault } from '../../src/azure/index.ts';
import type { CertificateStore, KeyStore, KeyVault } from '../../src/azure/index.ts';

const clock = () => 1_700_000_000_000;
const EC = { key_props: { kty: 'EC', crv: 'P-256' }, x509_props: { subject: 'CN=web, O=Example' } } as const;

describe('openCertificateStore', () => {
  let folder: string;
  let secrets: KeyVault;
  let keys: KeyStore;
  let store: CertificateStore;
  const open = async () => openCertificateStore({ file: join(folder, 'certificates.json'), secrets, keys, clock });

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-certificates-'));
    secrets = await openKeyVault({ file: join(folder, 'secrets.json'), clock });
    keys = await openKeyStore({ file: join(folder, 'keys.json'), clock });
    store = await open();
  });
  afterEach(async () => rm(folder, { recursive: true }));

  it('makes a certificate whose secret OpenSSL opens with an empty password, and whose key has the same version', async () => {
    const made = await store.createCertificate('web', EC, { tags: { a: 'b' } });
    const secret = secrets.getSecret('web');
    expect(secret).toMatchObject({ version: made.version, contentType: 'application/x-pkcs12', managed: true });
    expect(keys.getKey('web').version).toBe(made.version);
    const file = join(folder, 'web.pfx');
    await writeFile(file, Buffer.from(secret.value, 'base64'));
    const pem = execFileSync('openssl', ['pkcs12', '-in', file, '-passin', 'pass:', '-nodes'], { encoding: 'utf8' });
    const certificate = new X509Certificate(pem.slice(pem.indexOf('-----BEGIN CERTIFICATE-----')));
    expect(certificate.raw.equals(Buffer.from(made.cer))).toBe(true);
    expect(certificate.subject).toBe('CN=web\nO=Example');
    expect(pem).toContain('-----BEGIN PRIVATE KEY-----');
  });

  it('knows its certificates after a restart', async () => {
    const made = await store.createCertificate('web', EC, {});
    store = await open();
    expect(store.getCertificate('WEB')).toEqual(made);
    expect(store.listVersions('web')).toHaveLength(1);
  });

  it('takes secret and key along when it is deleted, recovered and purged', async () => {
    await store.createCertificate('web', EC, {});
    await store.deleteCertificate('web');
    expect(() => secrets.getSecret('web')).toThrow('not found');
    expect(() => keys.getKey('web')).toThrow('not found');
    await expect(store.createCertificate('web', EC, {})).rejects.toMatchObject({ code: 'VAULT_SECRET_DELETED' });
    await store.recoverCertificate('web');
    expect(secrets.getSecret('web').managed).toBe(true);
    await store.deleteCertificate('web');
    await store.purgeCertificate('web');
    await expect(store.createCertificate('web', EC, {})).resolves.toMatchObject({ name: 'web' });
  });

  it('refuses other issuers, subjects that are none, and keys that belong to another certificate', async () => {
    const refused = { code: 'VAULT_CERTIFICATE_PARAMETER_INVALID' };
    await expect(store.createCertificate('web', { ...EC, issuer: { name: 'DigiCert' } }, {})).rejects.toMatchObject(
      refused,
    );
    await expect(store.createCertificate('web', { x509_props: { subject: 'web' } }, {})).rejects.toMatchObject(refused);
    await store.createCertificate('web', { ...EC, secret_props: { contentType: 'application/x-pem-file' } }, {});
    const [, certificate = ''] = secrets.getSecret('web').value.split(/(?=-----BEGIN CERTIFICATE)/);
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const other = `${privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()}${certificate}`;
    await expect(store.importCertificate('copy', other, {}, {})).rejects.toMatchObject(refused);
    await expect(store.importCertificate('copy', certificate, {}, {})).rejects.toMatchObject(refused);
    expect(() => store.getCertificate('copy')).toThrow('not found');
  });
});
