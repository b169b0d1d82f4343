import { createPrivateKey, createPublicKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

import { RequestError } from '@holdfast/base';
import { sealVaultSecret } from '@holdfast/local';

import type { PeerPodsSealFlags } from '../commands/peer-pods.ts';
import { writeJson } from '../context.ts';
import type { CliContext } from '../context.ts';
import { readText } from '../initdata/read-bytes.ts';

const RESOURCE_URI = /^kbs:\/\/\/[\w-][\w.-]*\/[\w-][\w.-]*\/[\w-][\w.-]*$/;

/** `holdfast peer-pods seal` */
export async function runSeal({ io }: CliContext, flags: PeerPodsSealFlags, uri: string): Promise<void> {
  for (const [name, value] of [['the resource', uri] as const, ['--key-id', flags.keyId] as const]) {
    if (!RESOURCE_URI.test(value)) throw invalid(`${name} is not kbs:///REPOSITORY/TYPE/TAG`);
  }
  const key = signingKey(await readText(io, flags.key));
  const sealed = sealVaultSecret(uri, { key, keyId: flags.keyId });
  if (flags.json)
    writeJson(io, { version: 1, sealed, verificationKey: createPublicKey(key).export({ format: 'jwk' }) });
  else io.stdout.write(`${sealed}\n`);
}

function signingKey(pem: string): KeyObject {
  let key: KeyObject | undefined;
  try {
    key = createPrivateKey(pem);
  } catch {
    // What OpenSSL says about a broken key helps nobody; that it is none is said below.
  }
  if (key?.asymmetricKeyDetails?.namedCurve !== 'prime256v1') throw invalid('--key is no private key on P-256 as PEM');
  return key;
}

function invalid(problem: string): RequestError {
  return new RequestError('PEER_POD_SEAL_INVALID', `the secret cannot be sealed: ${problem}`, {
    action: 'Make a key with: openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256.',
  });
}
