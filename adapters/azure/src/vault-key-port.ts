import { createPublicKey } from 'node:crypto';

import type { KeyClient, KeyVaultKey } from '@azure/keyvault-keys';
import type { VaultKeyPort, VaultKeyState } from '@holdfast/deployment';

import { AnswerLog } from './arm/answer-log.ts';
import { clientOptions, unlessAbsent, vaultCaller } from './vault-calls.ts';
import type { VaultClientOptions } from './vault-calls.ts';

/** The version of the data plane that requests name, whatever the installed SDK prefers. */
const KEYS_API = '7.6';

/** Keys of vaults and managed HSMs through the official SDK, for the deployment engine; errors are those of its secrets. */
export function createVaultKeyPort(options: VaultClientOptions): VaultKeyPort {
  const log = new AnswerLog({ keepSuccess: false });
  const call = vaultCaller(options, log, (url) => openClient(url, options, log));
  return {
    get: async (vaultUrl, name, given) =>
      await unlessAbsent(
        call(vaultUrl, { doing: `reading the key ${name}` }, given, async (client, abortSignal) =>
          shown(await client.getKey(name, { abortSignal })),
        ),
      ),
    create: async (vaultUrl, name, { kind, sizeBits, operations, releasePolicy }, given) =>
      await call(vaultUrl, { doing: `making the key ${name}` }, given, async (client, abortSignal) =>
        shown(
          await client.createKey(name, kind, {
            keySize: sizeBits,
            keyOps: [...operations],
            exportable: true,
            releasePolicy: { encodedPolicy: Buffer.from(releasePolicy) },
            abortSignal,
          }),
        ),
      ),
  };
}

async function openClient(url: URL, options: VaultClientOptions, log: AnswerLog): Promise<KeyClient> {
  const { KeyClient: Client } = await import('@azure/keyvault-keys');
  return new Client(url.origin, options.credential, { serviceVersion: KEYS_API, ...clientOptions(url, options, log) });
}

function shown({ key, keyType, properties }: KeyVaultKey): VaultKeyState {
  const { encodedPolicy } = properties.releasePolicy ?? {};
  return {
    version: properties.version ?? '',
    kind: keyType ?? '',
    exportable: properties.exportable ?? false,
    releasePolicy: encodedPolicy === undefined ? undefined : Buffer.from(encodedPolicy).toString('utf8'),
    publicKey: key?.n === undefined || key.e === undefined ? undefined : pemOf(key.n, key.e),
  };
}

function pemOf(n: Uint8Array, e: Uint8Array): string {
  const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url');
  const jwk = { kty: 'RSA', n: text(n), e: text(e) };
  return createPublicKey({ key: jwk, format: 'jwk' }).export({ type: 'spki', format: 'pem' }) as string;
}
