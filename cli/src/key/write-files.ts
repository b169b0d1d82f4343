import { createPublicKey } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';

import type { VaultKey } from '@holdfast/azure';
import { writeFileAtomic } from '@holdfast/process';

import type { CliIo } from '../context.ts';
import { hostOf } from './release-policy-input.ts';

/**
 * Writes what workloads need to use a key: its release policy, its public part (SubjectPublicKeyInfo PEM), and a note that
 * says where the key is. Symmetric keys have no public part.
 */
export async function writeKeyFiles(options: {
  readonly io: CliIo;
  readonly folder: string;
  readonly key: VaultKey;
  readonly vaultUrl: string;
  readonly attestation: string | undefined;
}): Promise<void> {
  const { io, key } = options;
  const folder = resolve(io.cwd, options.folder);
  const write = async (name: string, content: string): Promise<void> => {
    const file = join(folder, name);
    await writeFileAtomic(file, content.endsWith('\n') ? content : `${content}\n`);
    io.stderr.write(`wrote ${file}\n`);
  };
  await mkdir(folder, { recursive: true });
  if (key.releasePolicy !== null) await write(`${key.name}-release-policy.json`, key.releasePolicy.policy);
  const publicKeyPath = join(folder, `${key.name}-pub.pem`);
  const kty = key.kind.replace(/-HSM$/, '');
  if (kty !== 'oct') {
    const jwk = { kty, ...key.publicKey, ...(key.publicKey['crv'] === 'P-256K' ? { crv: 'secp256k1' } : {}) };
    const pem = createPublicKey({ key: jwk, format: 'jwk' }).export({ type: 'spki', format: 'pem' });
    await write(`${key.name}-pub.pem`, pem.toString());
  }
  const note = {
    public_key_path: publicKeyPath,
    kms_endpoint: new URL(options.vaultUrl).host,
    attester_endpoint: options.attestation === undefined ? '' : hostOf(options.attestation),
  };
  await write(`${key.name}-info.json`, JSON.stringify(note));
}
