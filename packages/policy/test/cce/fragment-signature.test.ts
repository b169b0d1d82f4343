import { generateKeyPairSync, sign } from 'node:crypto';

import {
  basicConstraintsExtension,
  createCertificate,
  extendedKeyUsageExtension,
  keyUsageExtension,
} from '@holdfast/attestation';
import { describe, expect, it } from 'vitest';

import {
  fragmentIssuer,
  type FragmentSigner,
  generateFragment,
  importOfFragment,
  signFragment,
  verifyFragment,
} from '../../src/cce/index.ts';
import { plainImages } from './support.ts';

const NOW = Date.UTC(2026, 5, 1);
const DAY = 86_400_000;
const EKU = '1.3.6.1.4.1.311.76.59.1.3';
const code = (expected: string) => expect.objectContaining({ code: expected }) as Error;

function makeSigner(): FragmentSigner {
  const [rootKey, leafKey] = [1, 2].map(() => generateKeyPairSync('ec', { namedCurve: 'P-384' }));
  if (rootKey === undefined || leafKey === undefined) throw new Error('no keys');
  const life = {
    notBefore: NOW - DAY,
    notAfter: NOW + DAY,
    signingKey: rootKey.privateKey,
    signatureAlgorithm: 'ecdsa-sha384',
  } as const;
  const name = (value: string) => [{ type: 'CN', value }];
  const root = createCertificate({
    ...life,
    subject: name('root'),
    issuer: name('root'),
    publicKey: rootKey.publicKey,
    serial: 1n,
    extensions: [basicConstraintsExtension({ ca: true }), keyUsageExtension(['keyCertSign'])],
  });
  const leaf = createCertificate({
    ...life,
    subject: name('leaf'),
    issuer: name('root'),
    publicKey: leafKey.publicKey,
    serial: 2n,
    extensions: [keyUsageExtension(['digitalSignature']), extendedKeyUsageExtension([EKU])],
  });
  return {
    algorithm: 'ES384',
    certificates: [leaf.der, root.der],
    sign: (bytes) =>
      Promise.resolve(new Uint8Array(sign('sha384', bytes, { key: leafKey.privateKey, dsaEncoding: 'ieee-p1363' }))),
  };
}

const signer = makeSigner();
const issuer = fragmentIssuer(signer.certificates, `eku:${EKU}`);
const feed = 'contoso.azurecr.io/sidecar';

async function signed(statement: { issuer?: string; svn?: string; namespace?: string } = {}): Promise<Uint8Array> {
  const { namespace = 'contoso' } = statement;
  const { text } = await generateFragment({ kind: 'images', references: ['i:1'] }, plainImages(), {
    namespace,
    svn: '3',
  });
  return signFragment(
    { text, feed, issuer: statement.issuer ?? issuer, ...(statement.svn === undefined ? {} : { svn: statement.svn }) },
    signer,
  );
}

describe('verifyFragment', () => {
  it('answers what was signed, and the import that admits it', async () => {
    const fragment = verifyFragment(await signed(), NOW);
    expect(fragment).toMatchObject({ issuer, feed, svn: '3', document: { package: 'contoso' } });
    expect(importOfFragment(fragment)).toEqual({
      issuer,
      feed,
      minimum_svn: '3',
      includes: ['containers', 'fragments'],
    });
  });

  it('prefers the security version of the header', async () => {
    expect(verifyFragment(await signed({ svn: '9' })).svn).toBe('9');
  });

  it('refuses an issuer that is not the one of the chain, and certificates that expired', async () => {
    const other = await signed({ issuer: fragmentIssuer(signer.certificates, 'eku:1.2.3') });
    expect(() => verifyFragment(other, NOW)).toThrow(code('CCE_FRAGMENT_UNTRUSTED'));
    const fragment = await signed();
    expect(() => verifyFragment(fragment, NOW + 2 * DAY)).toThrow(code('CCE_FRAGMENT_UNTRUSTED'));
  });

  it('accepts no flipped bit and no truncation', async () => {
    const fragment = await signed();
    const refused = (bytes: Uint8Array) => {
      expect(() => verifyFragment(bytes, NOW)).toThrow(
        expect.objectContaining({ code: expect.stringMatching(/^(?:CCE|REGO)_/) as string }),
      );
    };
    for (let at = 0; at < fragment.length; at += 41) {
      refused(fragment.slice(0, at));
      const flipped = fragment.slice();
      flipped[at] = (flipped[at] ?? 0) ^ (1 << (at % 8));
      refused(flipped);
    }
  });
});
