import { generateKeyPairSync } from 'node:crypto';

import { toUtf8 } from '@holdfast/base';
import { describe, expect, it } from 'vitest';

import { basicConstraintsExtension, createCertificate, subjectAltNameExtension } from '../../src/index.ts';
import type { Certificate } from '../../src/index.ts';
import { contextTag } from '../../src/der/reader.ts';
import { derElement, derSequence } from '../../src/der/writer.ts';
import { checkNameConstraints } from '../../src/x509/name-constraints.ts';
import { amdName, codeOf, NOW } from '../support/chain.ts';

const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });

function subtrees(form: number, names: readonly string[]): Uint8Array[] {
  return names.map((name) => derSequence(derElement(contextTag(form, false), toUtf8(name))));
}

function authority(constraints: {
  permitted?: readonly string[];
  excluded?: readonly string[];
  form?: number;
}): Certificate {
  const { permitted, excluded, form = 2 } = constraints;
  const value = derSequence(
    ...(permitted === undefined ? [] : [derElement(contextTag(0), ...subtrees(form, permitted))]),
    ...(excluded === undefined ? [] : [derElement(contextTag(1), ...subtrees(form, excluded))]),
  );
  return make([basicConstraintsExtension({ ca: true }), { oid: '2.5.29.30', critical: true, value }]);
}

function make(extensions: Parameters<typeof createCertificate>[0]['extensions']): Certificate {
  return createCertificate({
    subject: amdName('A'),
    issuer: amdName('A'),
    publicKey,
    signingKey: privateKey,
    serial: 1n,
    notBefore: NOW,
    notAfter: NOW + 1e9,
    signatureAlgorithm: 'ecdsa-sha256',
    ...(extensions === undefined ? {} : { extensions }),
  });
}

function check(dns: readonly string[], ...authorities: readonly Certificate[]): string {
  const leaf = make(dns.length === 0 ? [] : [subjectAltNameExtension({ dns })]);
  return codeOf(() => {
    checkNameConstraints([leaf, ...authorities], 'NAMES');
  });
}

describe('checkNameConstraints', () => {
  it.each([
    ['the name itself', ['example.com'], 'example.com'],
    ['a name below', ['example.com'], 'a.b.example.com'],
    ['a name in another case', ['Example.COM'], 'A.example.com'],
    ['one of several subtrees', ['other.org', 'example.com'], 'a.example.com'],
    ['any name under the empty subtree', [''], 'a.example.com'],
    ['a name below a leading dot', ['.example.com'], 'a.example.com'],
  ])('permits %s', (_name, permitted, dns) => {
    expect(check([dns], authority({ permitted }))).toBe('nothing');
  });

  it.each([
    ['a name outside', ['example.com'], 'example.org'],
    ['a name that only ends alike', ['example.com'], 'badexample.com'],
    ['the bare name under a leading dot', ['.example.com'], 'example.com'],
  ])('refuses %s', (_name, permitted, dns) => {
    expect(check([dns], authority({ permitted }))).toBe('NAMES');
  });

  it('refuses an excluded name although it is permitted too', () => {
    expect(check(['a.example.com'], authority({ permitted: ['example.com'], excluded: ['a.example.com'] }))).toBe(
      'NAMES',
    );
  });

  it('has every authority of the chain agree', () => {
    const [wide, narrow] = [authority({ permitted: ['example.com'] }), authority({ permitted: ['b.example.com'] })];
    expect(check(['a.example.com'], wide, narrow)).toBe('NAMES');
    expect(check(['a.b.example.com'], wide, narrow)).toBe('nothing');
  });

  it('refuses constraints of a form it does not evaluate, also without names to compare', () => {
    expect(check([], authority({ permitted: ['example.com'], form: 1 }))).toBe('NAMES');
  });

  it('refuses constraints on a leaf', () => {
    expect(codeOf(() => checkNameConstraints([authority({ permitted: ['example.com'] })], 'NAMES'))).toBe('NAMES');
  });

  it('asks nothing of a chain without constraints', () => {
    expect(check(['a.example.com'], make([basicConstraintsExtension({ ca: true })]))).toBe('nothing');
  });
});
