import { generateKeyPairSync } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import {
  basicConstraintsExtension,
  certificatesToPem,
  createCertificate,
  extendedKeyUsageExtension,
  keyUsageExtension,
} from '@holdfast/attestation';
import { temporaryFolder } from '@holdfast/local/testing';
import { describe, expect, it } from 'vitest';

import { capture } from '../captured-io.ts';

const EKU = '1.3.6.1.4.1.311.76.59.1.3';
const DAY = 86_400_000;
const NOW = Date.UTC(2026, 10, 22);
const TEXT = [
  'package contoso',
  'svn := "3"\nframework_version := "0.2.3"',
  'fragments := []',
  'containers := []',
].join('\n\n');

interface KeyPair {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

const ec = (): KeyPair => generateKeyPairSync('ec', { namedCurve: 'P-384' });
const rsa = (): KeyPair => generateKeyPairSync('rsa', { modulusLength: 2048 });

/** A folder with a fragment, a key and its chain. */
async function workspace(leafKey: KeyPair) {
  const folder = await temporaryFolder();
  const rootKey = ec();
  const name = (value: string) => [{ type: 'CN', value }];
  const life = {
    issuer: name('root'),
    notBefore: NOW - DAY,
    notAfter: NOW + DAY,
    signingKey: rootKey.privateKey,
    signatureAlgorithm: 'ecdsa-sha384',
  } as const;
  const root = createCertificate({
    ...life,
    subject: name('root'),
    publicKey: rootKey.publicKey,
    serial: 1n,
    extensions: [basicConstraintsExtension({ ca: true }), keyUsageExtension(['keyCertSign'])],
  });
  const leaf = createCertificate({
    ...life,
    subject: name('leaf'),
    publicKey: leafKey.publicKey,
    serial: 2n,
    extensions: [keyUsageExtension(['digitalSignature']), extendedKeyUsageExtension([EKU])],
  });
  const file = (path: string) => join(folder.path, path);
  await writeFile(file('fragment.rego'), TEXT);
  await writeFile(file('chain.pem'), certificatesToPem([leaf, root]));
  await writeFile(file('key.pem'), leafKey.privateKey.export({ type: 'pkcs8', format: 'pem' }));
  const run = (...args: (string | string[])[]) => capture(['policy', 'fragment', ...args.flat()], { cwd: folder.path });
  const sign = (policy = `eku:${EKU}`) =>
    run('sign fragment.rego --key key.pem --chain chain.pem --feed contoso.azurecr.io/sidecar'.split(' '), [
      '--issuer-policy',
      policy,
      '--output',
      'fragment.cose',
      '--json',
    ]);
  return { file, run, sign, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() };
}

describe('holdfast policy fragment', () => {
  it.each([
    ['EC P-384', ec],
    ['RSA', rsa],
  ])(
    'signs with a key of the kind %s what it then verifies, and names the import that admits it',
    async (_kind, make) => {
      await using place = await workspace(make());
      const signed = await place.sign();
      expect([signed.exitCode, signed.stderr]).toEqual([0, '']);
      const verified = await place.run('verify', 'fragment.cose', '--at', '2026-11-22', '--json');
      expect(verified.exitCode).toBe(0);
      const shown = JSON.parse(verified.stdout) as { import: unknown; text: string };
      expect(shown.text).toBe(TEXT);
      expect(shown.import).toEqual({
        feed: 'contoso.azurecr.io/sidecar',
        includes: ['containers', 'fragments'],
        issuer: expect.stringMatching(/^did:x509:0:sha256:[\w-]+::eku:1\.3\.6/),
        minimum_svn: '3',
      });
      expect((JSON.parse(signed.stdout) as { import: unknown }).import).toEqual(shown.import);
      const talk = await place.run('verify', 'fragment.cose');
      expect(talk.stdout).toContain('fragment contoso, signed');
      expect(talk.stdout).toContain('"minimum_svn": "3"');
    },
  );

  it('writes nothing when a guest would refuse it: another key, or an issuer policy that the leaf does not meet', async () => {
    await using place = await workspace(ec());
    const wrongPolicy = await place.sign('eku:1.2.3');
    expect([wrongPolicy.exitCode, wrongPolicy.stdout]).toEqual([1, expect.stringContaining('CCE_FRAGMENT_UNTRUSTED')]);
    await writeFile(place.file('key.pem'), ec().privateKey.export({ type: 'pkcs8', format: 'pem' }));
    const wrongKey = await place.sign();
    expect([wrongKey.exitCode, wrongKey.stdout]).toEqual([1, expect.stringContaining('CCE_FRAGMENT_UNTRUSTED')]);
    await expect(readFile(place.file('fragment.cose'))).rejects.toThrow('ENOENT');
  });

  it('refuses a changed fragment and expired certificates with 1, and what is no fragment with 3', async () => {
    await using place = await workspace(ec());
    await place.sign();
    const late = await place.run('verify', 'fragment.cose', '--at', '2027-01-01');
    expect([late.exitCode, late.stderr]).toEqual([1, expect.stringContaining('[CCE_FRAGMENT_UNTRUSTED]')]);
    const bytes = await readFile(place.file('fragment.cose'));
    const at = bytes.indexOf('package contoso');
    bytes[at + 8] = 0x43;
    await writeFile(place.file('fragment.cose'), bytes);
    const changed = await place.run('verify', 'fragment.cose');
    expect([changed.exitCode, changed.stderr]).toEqual([1, expect.stringContaining('the signature')]);
    const none = await place.run('verify', 'key.pem');
    expect([none.exitCode, none.stderr]).toEqual([3, expect.stringContaining('[CCE_FRAGMENT_INVALID]')]);
    expect(none.stderr).not.toContain('PRIVATE');
  });

  it.each([
    ['no key', 'no key at all'],
    ['a key on another curve', generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey],
  ])('refuses %s without quoting it', async (_what, key) => {
    await using place = await workspace(ec());
    const pem = typeof key === 'string' ? key : key.export({ type: 'pkcs8', format: 'pem' });
    await writeFile(place.file('key.pem'), pem);
    const { exitCode, stdout } = await place.sign();
    expect([exitCode, stdout]).toEqual([1, expect.stringContaining('POLICY_SIGNING_KEY_UNUSABLE')]);
    expect(stdout).not.toContain(String(pem).split('\n')[1] ?? 'no key at all');
  });
});
