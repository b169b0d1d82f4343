import { createPublicKey, generateKeyPairSync, X509Certificate } from 'node:crypto';

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import {
  authorityKeyIdentifierExtension,
  basicConstraintsExtension,
  certificatesToPem,
  createCertificate,
  extendedKeyUsageExtension,
  keyUsageExtension,
  parseCertificate,
  parseCertificates,
  subjectAltNameExtension,
  subjectKeyIdentifierExtension,
  verifyCertificateSignature,
} from '../../src/index.ts';
import { codeOf, flipBit, NOW } from '../support/chain.ts';
import { haveVectors, vectorText } from '../support/vectors.ts';

const DAY = 86_400_000;
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const caName = [
  { type: 'C', value: 'US' },
  { type: 'CN', value: 'Test CA Ünïcode' },
];
const ca = createCertificate({
  subject: caName,
  issuer: caName,
  publicKey: rsa.publicKey,
  signingKey: rsa.privateKey,
  serial: Uint8Array.of(0xff, 1, 2),
  notBefore: NOW - DAY,
  notAfter: NOW + 40 * 365 * DAY,
  extensions: [
    basicConstraintsExtension({ ca: true, pathLength: 0 }),
    keyUsageExtension(['keyCertSign', 'cRLSign']),
    subjectKeyIdentifierExtension(rsa.publicKey),
  ],
  signatureAlgorithm: 'rsa-pss-sha384',
});
const leaf = createCertificate({
  subject: [{ type: 'CN', value: 'localhost' }],
  issuer: caName,
  publicKey: ec.publicKey,
  signingKey: rsa.privateKey,
  serial: 77n,
  notBefore: NOW - DAY,
  notAfter: NOW + DAY,
  extensions: [
    basicConstraintsExtension({ ca: false }),
    keyUsageExtension(['digitalSignature', 'decipherOnly']),
    extendedKeyUsageExtension(['1.3.6.1.5.5.7.3.1']),
    subjectAltNameExtension({
      dns: ['localhost', '*.vault.azure.net'],
      ip: ['127.0.0.1', '::1', 'fe80::1:2'],
      uri: ['spiffe://x/y'],
    }),
    authorityKeyIdentifierExtension(rsa.publicKey),
  ],
  signatureAlgorithm: 'rsa-sha256',
});

describe('createCertificate', () => {
  it('makes a certificate that OpenSSL reads and verifies', () => {
    const root = new X509Certificate(ca.der);
    const server = new X509Certificate(leaf.der);
    expect(root.verify(createPublicKey(rsa.publicKey.export({ format: 'pem', type: 'spki' })))).toBe(true);
    expect(server.verify(root.publicKey)).toBe(true);
    expect(server.checkIssued(root)).toBe(true);
    expect(root.ca).toBe(true);
    expect(server.checkHost('localhost')).toBe('localhost');
    expect(server.checkIP('127.0.0.1')).toBe('127.0.0.1');
    expect(server.subjectAltName).toContain('IP Address:FE80:0:0:0:0:0:1:2');
    expect(server.subjectAltName).toContain('URI:spiffe://x/y');
    expect(root.serialNumber).toBe('FF0102');
    expect(new Date(root.validTo).getTime()).toBe(NOW + 40 * 365 * DAY);
  });

  it('is read back by parseCertificate with what went in', () => {
    expect(ca.subject).toEqual(caName);
    expect(ca.basicConstraints).toEqual({ ca: true, pathLength: 0 });
    expect(ca.keyUsage).toEqual(['keyCertSign', 'cRLSign']);
    expect(ca.signatureAlgorithm).toEqual({ kind: 'rsa-pss', hash: 'sha384', mgfHash: 'sha384', saltLength: 48 });
    expect(leaf.keyUsage).toEqual(['digitalSignature', 'decipherOnly']);
    expect(leaf.extendedKeyUsage).toEqual(['1.3.6.1.5.5.7.3.1']);
    expect([leaf.notBefore, leaf.notAfter]).toEqual([NOW - DAY, NOW + DAY]);
  });

  it.each(['127.0.0.256', '1.2.3', 'x::1', '1::2::3', '1:2:3:4:5:6:7', 'localhost'])(
    'refuses %s as an IP address',
    (ip) => {
      expect(codeOf(() => subjectAltNameExtension({ ip: [ip] }))).toBe('X509_IP_ADDRESS_INVALID');
    },
  );
});

describe('verifyCertificateSignature', () => {
  it('holds under the issuer and under no other key', () => {
    expect(verifyCertificateSignature(ca, rsa.publicKey)).toBe(true);
    expect(verifyCertificateSignature(leaf, rsa.publicKey)).toBe(true);
    expect(verifyCertificateSignature(leaf, ec.publicKey)).toBe(false);
    expect(verifyCertificateSignature(leaf, generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey)).toBe(false);
  });

  it('never holds after one flipped bit', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: leaf.der.length * 8 - 1 }), (bit) => {
        let verified = false;
        const code = codeOf(() => {
          verified = verifyCertificateSignature(parseCertificate(flipBit(leaf.der, bit)), rsa.publicKey);
        });
        expect(verified).toBe(false);
        expect(code).toMatch(/^(?:nothing|X509_CERTIFICATE_MALFORMED)$/);
      }),
      { numRuns: 300 },
    );
  });
});

describe('parseCertificate', () => {
  it('refuses a certificate cut at any length', () => {
    for (let length = 0; length < leaf.der.length; length += 1) {
      expect(codeOf(() => parseCertificate(leaf.der.subarray(0, length)))).toBe('X509_CERTIFICATE_MALFORMED');
    }
  });

  it('lets only our errors escape, whatever bytes come in', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(codeOf(() => parseCertificate(bytes))).toBe('X509_CERTIFICATE_MALFORMED');
      }),
    );
  });
});

describe('parseCertificates', () => {
  const pem = certificatesToPem([leaf, ca]);

  it('reads PEM with LF or CRLF, and a single DER certificate', () => {
    expect(parseCertificates(pem).map(({ der }) => der)).toEqual([leaf.der, ca.der]);
    expect(parseCertificates(pem.replaceAll('\n', '\r\n'))).toHaveLength(2);
    expect(parseCertificates(leaf.der)).toHaveLength(1);
  });

  it.each([
    ['nothing', ''],
    ['text between blocks', pem.replace('-----\n-----BEGIN', '-----\nhello\n-----BEGIN')],
    ['another label', pem.replaceAll('CERTIFICATE', 'PRIVATE KEY')],
    ['a block without end', pem.slice(0, -20)],
    ['a character outside Base64', pem.replace('MII', 'M!I')],
    ['more than 16 certificates', pem.repeat(9)],
    ['more than 64 KiB', pem.repeat(100)],
  ])('refuses %s', (_name, text) => {
    expect(codeOf(() => parseCertificates(text))).toBe('X509_PEM_MALFORMED');
  });
});

describe.skipIf(!haveVectors)('parseCertificate on real certificates', () => {
  it.each([
    'milan_ask_ark_vcek',
    'milan_asvk_ark_vlek',
    'genoa_ask_ark_vcek',
    'turin_ask_ark_vcek',
    'turin_asvk_ark_vlek',
  ])('agrees with OpenSSL about %s and verifies the chain', (name) => {
    const certificates = parseCertificates(vectorText(`roots/${name}.pem`));
    const [issuing, root] = certificates;
    if (issuing === undefined || root === undefined) throw new Error('two certificates are due');
    expect(verifyCertificateSignature(issuing, root.publicKey)).toBe(true);
    expect(verifyCertificateSignature(root, root.publicKey)).toBe(true);
    for (const certificate of certificates) {
      const reference = new X509Certificate(certificate.der);
      expect(new Date(reference.validTo).getTime()).toBe(certificate.notAfter);
      expect(reference.ca).toBe(certificate.basicConstraints?.ca);
    }
  });
});
