import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

import { basicConstraintsExtension, createCertificate } from '@holdfast/attestation';
import type { JsonObject } from '@holdfast/attestation';
import { describe, expect, it } from 'vitest';

import { checkEndorsement, keyOfJwk } from '../src/kbs/token-verifier.ts';
import { START } from './broker.ts';

interface Authority {
  readonly name: string;
  readonly keys: { readonly publicKey: KeyObject; readonly privateKey: KeyObject };
}

const DAY = 86_400_000;
const authority = (name: string): Authority => ({ name, keys: generateKeyPairSync('ec', { namedCurve: 'P-256' }) });
const root = authority('Root');
const other = authority('Another root');
const intermediate = authority('Intermediate');
const unrelated = authority('Unrelated');
const signer = authority('Signer');

function certificate(subject: Authority, issuer: Authority, changes: { ca?: boolean; notAfter?: number } = {}): Buffer {
  const { der } = createCertificate({
    subject: [{ type: 'CN', value: subject.name }],
    issuer: [{ type: 'CN', value: issuer.name }],
    publicKey: subject.keys.publicKey,
    signingKey: issuer.keys.privateKey,
    serial: 7n,
    notBefore: START - DAY,
    notAfter: changes.notAfter ?? START + DAY,
    extensions: [basicConstraintsExtension({ ca: changes.ca ?? subject !== signer })],
    signatureAlgorithm: 'ecdsa-sha256',
  });
  return Buffer.from(der);
}

const trusted = [new X509Certificate(certificate(root, root))];

function check(chain: readonly Buffer[]): void {
  const { x, y } = signer.keys.publicKey.export({ format: 'jwk' });
  const x5c = chain.map((der) => der.toString('base64'));
  const jwk: JsonObject = { kty: 'EC', crv: 'P-256', alg: 'ES256', x: x ?? '', y: y ?? '', x5c };
  checkEndorsement(jwk, keyOfJwk(jwk).key, trusted, START);
}

describe('checkEndorsement', () => {
  const leaf = certificate(signer, intermediate);
  const between = certificate(intermediate, root);

  it('takes a chain with an intermediate, in any order and with certificates that lead nowhere', () => {
    check([leaf, between]);
    check([leaf, certificate(unrelated, unrelated), between, certificate(root, root)]);
  });

  it.each([
    ['the intermediate is missing', [leaf]],
    ['the root is another', [leaf, certificate(intermediate, other), certificate(other, other)]],
    ['the intermediate is no authority', [leaf, certificate(intermediate, root, { ca: false })]],
    ['the intermediate is over', [leaf, certificate(intermediate, root, { notAfter: START - 1000 })]],
    ['the certificate is for another key', [between]],
  ])('refuses when %s', (_, chain) => {
    expect(() => check(chain)).toThrow(expect.objectContaining({ code: 'TRUSTEE_TOKEN_REFUSED' }));
  });
});
