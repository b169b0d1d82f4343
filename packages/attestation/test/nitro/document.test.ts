import { createHash, generateKeyPairSync } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

import { loadVectors } from '@holdfast/base/testing';
import { runsOf } from '@holdfast/base/testing/thorough';
import { PlatformError } from '@holdfast/base';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import {
  AWS_NITRO_ROOT_SHA256,
  basicConstraintsExtension,
  createCertificate,
  createNitroDocument,
  isNitroSignatureValid,
  keyUsageExtension,
  nitroChainProblem,
  parseNitroDocument,
  spkiSha256,
} from '../../src/index.ts';
import type { Certificate } from '../../src/index.ts';

const NOW = Date.UTC(2026, 5, 1);
const HOUR = 3_600_000;

interface Link {
  readonly certificate: Certificate;
  readonly privateKey: KeyObject;
}

interface LinkOptions {
  readonly name: string;
  readonly issuer?: Link;
  readonly ca?: boolean;
  readonly pathLength?: number;
  readonly notAfter?: number;
  readonly issuerName?: string;
}

function link({ name, issuer, ca = true, pathLength, notAfter = NOW + HOUR, issuerName }: LinkOptions): Link {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'secp384r1' });
  const certificate = createCertificate({
    subject: [{ type: 'CN', value: name }],
    issuer:
      issuerName === undefined
        ? (issuer?.certificate.subject ?? [{ type: 'CN', value: name }])
        : [{ type: 'CN', value: issuerName }],
    publicKey,
    signingKey: issuer?.privateKey ?? privateKey,
    serial: 1n,
    notBefore: NOW - HOUR,
    notAfter,
    extensions: ca
      ? [
          basicConstraintsExtension({ ca: true, ...(pathLength === undefined ? {} : { pathLength }) }),
          keyUsageExtension(['keyCertSign']),
        ]
      : [keyUsageExtension(['digitalSignature'])],
    signatureAlgorithm: 'ecdsa-sha384',
  });
  return { certificate, privateKey };
}

const root = link({ name: 'root' });
const middle = link({ name: 'middle', issuer: root });
const leaf = link({ name: 'leaf', issuer: middle, ca: false });
const ROOTS = [fingerprint(root)];

function fingerprint({ certificate }: Link): string {
  return createHash('sha256').update(certificate.der).digest('hex');
}

function documentOf(signer: Link, bundle: readonly Link[], fields: object = {}): Uint8Array {
  return createNitroDocument({
    moduleId: 'i-1',
    timestamp: NOW,
    pcrs: new Map([[0, new Uint8Array(48).fill(7)]]),
    certificate: signer.certificate.der,
    caBundle: bundle.map(({ certificate }) => certificate.der),
    publicKey: new Uint8Array([1, 2, 3]),
    signingKey: signer.privateKey,
    ...fields,
  });
}

const GOOD = documentOf(leaf, [root, middle]);
const problemOf = (bytes: Uint8Array, options: { roots?: readonly string[]; now?: number } = {}): string | undefined =>
  nitroChainProblem(parseNitroDocument(bytes), { roots: ROOTS, now: NOW, ...options });

describe('a Nitro attestation document', () => {
  it('is read, its signature holds, and its certificates lead to the root', () => {
    const document = parseNitroDocument(GOOD);
    expect(document).toMatchObject({ moduleId: 'i-1', timestamp: NOW, userData: undefined });
    expect([...(document.publicKey ?? [])]).toEqual([1, 2, 3]);
    expect(document.pcrs.get(0)).toHaveLength(48);
    expect(isNitroSignatureValid(document)).toBe(true);
    expect(problemOf(GOOD)).toBeUndefined();
    expect(spkiSha256(document.certificate)).toBe(spkiSha256(leaf.certificate));
  });

  it('is not believed under another root, outside the validity, or with a certificate in the wrong place', () => {
    expect(problemOf(GOOD, { roots: [AWS_NITRO_ROOT_SHA256] })).toContain('root');
    expect(problemOf(GOOD, { roots: [] })).toContain('root');
    expect(problemOf(GOOD, { now: NOW + 2 * HOUR })).toContain('not valid now');
    expect(problemOf(GOOD, { now: NOW - 2 * HOUR })).toContain('not valid now');
    expect(problemOf(documentOf(leaf, [root]))).toContain('another issuer');
    expect(problemOf(documentOf(leaf, [root, leaf, middle]))).toBeDefined();
    expect(problemOf(documentOf(middle, [root]))).toBeUndefined();
  });

  it('is not believed when a certificate that may not issue others did', () => {
    const noAuthority = link({ name: 'middle', issuer: root, ca: false });
    const below = link({ name: 'leaf', issuer: noAuthority, ca: false });
    expect(problemOf(documentOf(below, [root, noAuthority]))).toContain('may not issue');
    const short = link({ name: 'short', issuer: root, pathLength: 0 });
    const extra = link({ name: 'extra', issuer: short });
    const end = link({ name: 'leaf', issuer: extra, ca: false });
    expect(problemOf(documentOf(end, [root, short, extra]))).toContain('may not issue');
  });

  it('is not believed when a certificate only claims its issuer', () => {
    const stranger = link({ name: 'stranger' });
    const forged = link({ name: 'leaf', issuer: stranger, issuerName: 'middle', ca: false });
    expect(problemOf(documentOf(forged, [root, middle]))).toContain('signature of certificate 2');
  });

  it('does not verify with one flipped bit, and nothing but our errors escapes from damage', () => {
    fc.assert(
      fc.property(fc.nat({ max: GOOD.length * 8 - 1 }), (bit) => {
        const changed = Uint8Array.from(GOOD);
        changed[bit >>> 3] = (changed[bit >>> 3] ?? 0) ^ (1 << (bit & 7));
        try {
          const document = parseNitroDocument(changed);
          const problem = nitroChainProblem(document, { roots: ROOTS, now: NOW });
          expect([isNitroSignatureValid(document), problem]).not.toEqual([true, undefined]);
        } catch (error) {
          if (!(error instanceof PlatformError)) throw error;
        }
      }),
      { numRuns: runsOf(60, 300) },
    );
  });

  it('is refused when cut short at any length', () => {
    for (let length = 0; length < GOOD.length; length += 7) {
      expect(() => parseNitroDocument(GOOD.subarray(0, length))).toThrow(
        expect.objectContaining({ code: 'CBOR_MALFORMED' }),
      );
    }
  });

  it('is refused as CBOR of another shape', () => {
    const malformed = expect.objectContaining({ code: 'ATTESTATION_NITRO_MALFORMED' });
    expect(() => parseNitroDocument(new Uint8Array([0]))).toThrow(malformed);
    expect(() => parseNitroDocument(documentOf(leaf, []))).toThrow(malformed);
    expect(() => parseNitroDocument(documentOf(leaf, [root], { moduleId: 7 }))).toThrow(malformed);
    expect(() => parseNitroDocument(documentOf(leaf, [root], { certificate: new Uint8Array(3) }))).toThrow(malformed);
    expect(() => parseNitroDocument(documentOf(leaf, [root], { pcrs: new Map([[0, new Uint8Array(4)]]) }))).toThrow(
      malformed,
    );
  });
});

interface NitroVector {
  readonly id: string;
  readonly document_base64: string;
  readonly fields: { readonly timestamp: number; readonly pcr0_base64: string; readonly cabundle_count: number };
}

const vectors = (loadVectors('uid2-core.json') as { vectors: NitroVector[] } | undefined)?.vectors;

describe.skipIf(vectors === undefined)('known answers', () => {
  it('nitro-document: a document of AWS holds on the day it was made, under the root of AWS', () => {
    const { document_base64: text, fields } =
      vectors?.find(({ id }) => id === 'nitro-document') ?? expect.fail('no such vector');
    const document = parseNitroDocument(new Uint8Array(Buffer.from(text, 'base64')));
    expect(document.caBundle).toHaveLength(fields.cabundle_count);
    expect(Buffer.from(document.pcrs.get(0) ?? []).toString('base64')).toBe(fields.pcr0_base64);
    expect([document.publicKey, document.userData]).toEqual([undefined, undefined]);
    expect(isNitroSignatureValid(document)).toBe(true);
    const roots = [AWS_NITRO_ROOT_SHA256];
    expect(nitroChainProblem(document, { roots, now: fields.timestamp })).toBeUndefined();
    expect(nitroChainProblem(document, { roots, now: fields.timestamp + 24 * HOUR })).toContain('not valid now');
  });
});
