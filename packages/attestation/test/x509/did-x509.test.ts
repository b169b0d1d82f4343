import { Buffer } from 'node:buffer';

import { describe, expect, it } from 'vitest';

import { parseCertificate } from '../../src/index.ts';
import { resolveDidX509 } from '../../src/x509/did-x509.ts';
import { codeOf } from '../support/chain.ts';
import { haveVectors, vectorText } from '../support/vectors.ts';

interface DidVector {
  readonly id: string;
  readonly input: { readonly did: string; readonly chain: readonly string[] };
  readonly output: { readonly error?: string; readonly document?: unknown };
}

const vectors = haveVectors ? (JSON.parse(vectorText('did-x509/test-vectors.json')) as readonly DidVector[]) : [];

describe.skipIf(!haveVectors)('resolveDidX509 on the vectors of the method', () => {
  it.each(vectors.map((vector) => [vector.id, vector] as const))('%s', (_id, { input, output }) => {
    const code = codeOf(() => {
      const chain = input.chain.map((der) => parseCertificate(new Uint8Array(Buffer.from(der, 'base64url'))));
      resolveDidX509(input.did, chain, undefined);
    });
    expect(code).toMatch(
      output.error === undefined ? /^nothing$/ : /^(?:DID_X509_INVALID|X509_CERTIFICATE_MALFORMED)$/,
    );
  });
});
