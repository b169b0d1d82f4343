/**
 * A program for contract tests: drives the unmodified key SDK against any vault and prints one JSON line. Every case is a
 * process of its own, as the SDK keeps tokens and trusted authorities for the life of a process.
 * Argument: JSON of `KeysCase`. Output: `{"ok": …}` or `{"error": {"name","code","statusCode","message"}}`.
 */
import { ClientSecretCredential } from '@azure/identity';
import { CryptographyClient, KeyClient } from '@azure/keyvault-keys';
import type { JsonWebKey } from '@azure/keyvault-keys';

export interface KeysCase {
  readonly vaultUrl: string;
  readonly tenantId: string;
  readonly clientId: string;
  readonly secret: string;
  readonly operation: 'lifecycle' | 'import' | 'crypto' | 'release' | 'refusals' | 'get';
  readonly name: string;
  /** JSON text. */
  readonly policy?: string;
  /** An attestation token, for `release`. */
  readonly token?: string;
  readonly key?: JsonWebKey;
  readonly nonce?: string;
}

const given = JSON.parse(process.argv[2] ?? '') as KeysCase;

async function run(): Promise<unknown> {
  const credential = new ClientSecretCredential(given.tenantId, given.clientId, given.secret, {
    disableInstanceDiscovery: true,
  });
  const client = new KeyClient(given.vaultUrl, credential, { disableChallengeResourceVerification: true });
  const releasePolicy = { encodedPolicy: Buffer.from(given.policy ?? '') };
  const { name } = given;
  switch (given.operation) {
    case 'get': {
      const key = await client.getKey(name);
      return { type: key.keyType, version: key.properties.version };
    }
    case 'lifecycle': {
      const first = await client.createRsaKey(name, { hsm: true, keySize: 2048, tags: { use: 'test' } });
      const second = await client.createKey(name, 'EC-HSM', { curve: 'P-384', exportable: true, releasePolicy });
      const versions: string[] = [];
      for await (const version of client.listPropertiesOfKeyVersions(name)) versions.push(version.version ?? '');
      const names: string[] = [];
      for (let more = 0; more < 30; more++) {
        await client.createKey(`page-${String(more).padStart(2, '0')}`, 'EC', { curve: 'P-256' });
      }
      for await (const key of client.listPropertiesOfKeys()) names.push(key.name);
      const old = await client.getKey(name, { version: first.properties.version ?? '' });
      const updated = await client.updateKeyProperties(name, { enabled: false, expiresOn: new Date(2e12) });
      const rotated = await client.rotateKey(name);
      const backup = await client.backupKey(name);
      const deleted = await (await client.beginDeleteKey(name)).pollUntilDone();
      const gone = await client.getKey(name).catch(failure);
      const recovered = await (await client.beginRecoverDeletedKey(name)).pollUntilDone();
      await (await client.beginDeleteKey(name)).pollUntilDone();
      await client.purgeDeletedKey(name);
      const restored = await client.restoreKeyBackup(backup ?? new Uint8Array());
      return {
        first: {
          type: first.keyType,
          operations: first.keyOperations,
          tags: first.properties.tags,
          bits: (first.key?.n?.length ?? 0) * 8,
        },
        second: {
          type: second.keyType,
          curve: second.key?.crv,
          exportable: second.properties.exportable,
          policy: Buffer.from(second.properties.releasePolicy?.encodedPolicy ?? []).toString(),
        },
        versions: versions.length,
        listed: names.length,
        oldType: old.keyType,
        updated: { enabled: updated.properties.enabled, expiresOn: updated.properties.expiresOn?.getTime() },
        rotated: { type: rotated.keyType, exportable: rotated.properties.exportable },
        deleted: deleted.name,
        gone,
        recovered: recovered.properties.version === rotated.properties.version,
        restored: restored.name,
      };
    }
    case 'import': {
      if (given.key === undefined) throw new Error('no key');
      const options = given.policy === undefined ? {} : { exportable: true, releasePolicy };
      const key = await client.importKey(name, given.key, { hardwareProtected: true, ...options });
      const read = await client.getKey(name);
      return { type: key.keyType, members: definedMembers(read.key ?? {}), operations: read.keyOperations };
    }
    case 'crypto': {
      const key = await client.createRsaKey(name, { hsm: true });
      const remote = new CryptographyClient(key, credential, { disableChallengeResourceVerification: true });
      const wrapped = await remote.wrapKey('RSA-OAEP-256', Buffer.from('key material'));
      const unwrapped = await remote.unwrapKey('RSA-OAEP-256', wrapped.result);
      const { result } = await remote.encrypt({ algorithm: 'RSA-OAEP', plaintext: Buffer.from('text') });
      const decrypted = await remote.decrypt({ algorithm: 'RSA-OAEP', ciphertext: result });
      const wrong = await remote.unwrapKey('RSA-OAEP-256', Buffer.alloc(256)).catch(failure);
      return { unwrapped: text(unwrapped.result), decrypted: text(decrypted.result), wrong };
    }
    case 'refusals':
      return {
        noPolicy: await client.createKey(name, 'RSA-HSM', { exportable: true }).catch(failure),
        notExportable: await client.createKey(name, 'RSA-HSM', { releasePolicy }).catch(failure),
        software: await client.createKey(name, 'RSA', { exportable: true, releasePolicy }).catch(failure),
        missing: await client.getKey('no-such-key').catch(failure),
      };
    default: {
      const options = given.nonce === undefined ? {} : { nonce: given.nonce };
      const released = await client.releaseKey(name, given.token ?? '', options);
      return { value: released.value };
    }
  }
}

/** The SDK lists every member a key can have. */
function definedMembers(key: JsonWebKey): string[] {
  return Object.entries(key).flatMap(([name, value]) => (value === undefined ? [] : [name]));
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString();
}

function failure(error: unknown): Record<string, unknown> {
  const { name, code, statusCode, message } = error as Error & { code?: unknown; statusCode?: unknown };
  return { name, code, statusCode, message: message.slice(0, 400) };
}

try {
  process.stdout.write(`${JSON.stringify({ ok: await run() })}\n`);
} catch (error) {
  process.stdout.write(`${JSON.stringify({ error: failure(error) })}\n`);
}
process.exit(0);
