import { createPrivateKey } from 'node:crypto';
import { resolve } from 'node:path';

import { isJsonObject, parseJson } from '@holdfast/attestation';
import { RequestError } from '@holdfast/base';

import type { NewKeyFlags } from '../commands/key.ts';
import { writeJson } from '../context.ts';
import type { CliContext } from '../context.ts';
import { connectVault, readText } from './connection.ts';
import { readPolicyFlags } from './release-policy-input.ts';
import { jsonKey, writeKey } from './show-key.ts';
import { writeKeyFiles } from './write-files.ts';

/** `holdfast key import`: a key that its owner has, put into the hardware of the vault. */
export async function runImport(context: CliContext, flags: NewKeyFlags, name: string, file: string): Promise<void> {
  const { io } = context;
  const policy = await readPolicyFlags(flags, io);
  const jwk = readPrivateKey(await readText(resolve(io.cwd, file)), file);
  const { keys, vaultUrl } = await connectVault(flags, io);
  const key = await keys.importKey(name, jwk, {
    ...(flags.operations === undefined ? {} : { operations: flags.operations }),
    ...(policy === undefined ? {} : { releasePolicy: { policy, immutable: flags.immutable } }),
  });
  if (flags.files !== undefined) {
    await writeKeyFiles({ io, folder: flags.files, key, vaultUrl, attestation: flags.attestation });
  }
  if (flags.json) writeJson(io, { version: 1, key: jsonKey(key) });
  else writeKey(io, key);
}

/** A private JWK from PEM (PKCS#8, PKCS#1, SEC 1) or JSON. What is wrong is not quoted: the file is a secret. */
function readPrivateKey(text: string, file: string): Readonly<Record<string, unknown>> {
  try {
    if (text.trimStart().startsWith('{')) {
      const jwk = parseJson(text, 'INPUT_UNREADABLE');
      if (!isJsonObject(jwk)) throw new TypeError('not an object');
      if (jwk['kty'] === 'oct' && typeof jwk['k'] === 'string') return { kty: 'oct', k: jwk['k'] };
      return azureJwk(createPrivateKey({ key: jwk, format: 'jwk' }).export({ format: 'jwk' }));
    }
    return azureJwk(createPrivateKey(text).export({ format: 'jwk' }));
  } catch {
    throw new RequestError('INPUT_UNREADABLE', `${file} holds no private key in PEM or as a JWK`, {
      action: 'Give an unencrypted private key: PEM, or a JWK with its private members.',
    });
  }
}

/** Azure names one curve in a way of its own. */
function azureJwk(jwk: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return jwk['crv'] === 'secp256k1' ? { ...jwk, crv: 'P-256K' } : jwk;
}
