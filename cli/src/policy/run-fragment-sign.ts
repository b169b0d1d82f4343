import { constants, createPrivateKey, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { resolve } from 'node:path';

import { parseCertificates } from '@holdfast/attestation';
import { MalformedError } from '@holdfast/base';
import { fragmentIssuer, importOfFragment, signFragment, verifyFragment } from '@holdfast/policy';
import type { FragmentSigner } from '@holdfast/policy';

import type { FragmentSignFlags } from '../commands/policy-fragment.ts';
import { writeJson } from '../context.ts';
import type { CliContext } from '../context.ts';
import { readInputText } from './input-file.ts';
import { sayFragment } from './say-fragment.ts';
import { writeOutput } from './write-output.ts';

/** `holdfast policy fragment sign`: a signed fragment for a registry, and the import for the policies that are to admit it. */
export async function runFragmentSign({ io }: CliContext, flags: FragmentSignFlags, path: string): Promise<void> {
  const { text } = await readInputText(io, path);
  const chain = parseCertificates((await readInputText(io, flags.chain)).text).map(({ der }) => der);
  const signer = keySigner((await readInputText(io, flags.key)).text, flags.key, chain);
  const issuer = fragmentIssuer(chain, flags.issuerPolicy);
  const statement = { text, issuer, feed: flags.feed, ...(flags.svn === undefined ? {} : { svn: flags.svn }) };
  const signed = await signFragment(statement, signer);
  const fragment = verifyFragment(signed);
  const admitted = importOfFragment(fragment);
  await writeOutput(resolve(io.cwd, flags.output), flags.output, signed);
  if (flags.json) writeJson(io, { version: 1, file: flags.output, bytes: signed.length, import: admitted });
  else sayFragment(io, flags.output, fragment, admitted);
}

/**
 * Signs with a private key in memory.
 * @throws MalformedError POLICY_SIGNING_KEY_UNUSABLE
 */
function keySigner(pem: string, name: string, certificates: readonly Uint8Array[]): FragmentSigner {
  const key = privateKey(pem, name);
  if (key.asymmetricKeyType === 'rsa') {
    const saltLength = 48;
    return {
      algorithm: 'PS384',
      certificates,
      sign: (bytes) =>
        Promise.resolve(sign('sha384', bytes, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength })),
    };
  }
  if (key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === 'secp384r1') {
    return {
      algorithm: 'ES384',
      certificates,
      sign: (bytes) => Promise.resolve(sign('sha384', bytes, { key, dsaEncoding: 'ieee-p1363' })),
    };
  }
  throw unusable(name, 'it is neither an EC key on P-384 nor an RSA key');
}

function privateKey(pem: string, name: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch {
    // The cause could quote the key.
    throw unusable(name, 'it is no private key in PEM form without a passphrase');
  }
}

function unusable(name: string, reason: string): MalformedError {
  return new MalformedError('POLICY_SIGNING_KEY_UNUSABLE', `${name} cannot sign fragments: ${reason}`, {
    action: 'Give a private key in PEM form, EC P-384 or RSA.',
  });
}
