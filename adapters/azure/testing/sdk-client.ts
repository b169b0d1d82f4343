/**
 * A program for contract tests: drives the unmodified Azure SDKs, or `fetchSecret`, against any vault and prints one JSON
 * line. The SDKs keep the identity endpoint, tokens and trusted authorities for the life of a process, so every case needs
 * a process of its own.
 * Argument: JSON of `SdkCase`. Output: `{"ok": …}` or `{"error": {"name","code","statusCode","message"}}`.
 */
import { ClientSecretCredential, DefaultAzureCredential, ManagedIdentityCredential } from '@azure/identity';
import type { TokenCredential } from '@azure/identity';
import { SecretClient } from '@azure/keyvault-secrets';

import { fetchSecret } from '../src/index.ts';

export interface SdkCase {
  readonly vaultUrl: string;
  readonly credential:
    | { readonly kind: 'managed-identity'; readonly clientId?: string }
    | { readonly kind: 'default' }
    | { readonly kind: 'client-secret'; readonly tenantId: string; readonly clientId: string; readonly secret: string };
  readonly operation: 'token' | 'get' | 'lifecycle' | 'fetch-secret';
  readonly secretName?: string;
  readonly timeoutMs?: number;
}

const given = JSON.parse(process.argv[2] ?? '') as SdkCase;

function credentialOf({ credential }: SdkCase): TokenCredential {
  switch (credential.kind) {
    case 'managed-identity':
      return new ManagedIdentityCredential(credential.clientId === undefined ? {} : { clientId: credential.clientId });
    case 'default':
      return new DefaultAzureCredential();
    default:
      return new ClientSecretCredential(credential.tenantId, credential.clientId, credential.secret, {
        disableInstanceDiscovery: true,
      });
  }
}

async function run(): Promise<unknown> {
  if (given.operation === 'fetch-secret') {
    const { vaultUrl, secretName = 'operator-key' } = given;
    const secret = await fetchSecret({ vaultUrl, secretName, timeoutMs: given.timeoutMs ?? 30_000 });
    return { shown: String(secret.value), value: secret.value.reveal(), version: secret.version };
  }
  const credential = credentialOf(given);
  if (given.operation === 'token') {
    const token = await credential.getToken('https://vault.azure.net/.default');
    return { expiresOn: token?.expiresOnTimestamp, length: token?.token.length };
  }
  const client = new SecretClient(given.vaultUrl, credential, { disableChallengeResourceVerification: true });
  const name = given.secretName ?? 'operator-key';
  if (given.operation === 'get') {
    const secret = await client.getSecret(name);
    return { name: secret.name, value: secret.value, version: secret.properties.version, id: secret.properties.id };
  }
  const first = await client.setSecret(name, 'one', { tags: { use: 'test' }, contentType: 'text/plain' });
  const second = await client.setSecret(name, 'two', { expiresOn: new Date(2_000_000_000_000) });
  const old = await client.getSecret(name, { version: first.properties.version ?? '' });
  const newest = await client.getSecret(name);
  const versions: string[] = [];
  for await (const version of client.listPropertiesOfSecretVersions(name)) versions.push(version.version ?? '');
  const names: string[] = [];
  for (let more = 0; more < 30; more++) await client.setSecret(`page-${String(more).padStart(2, '0')}`, 'v');
  for await (const secret of client.listPropertiesOfSecrets()) names.push(secret.name);
  await client.updateSecretProperties(name, second.properties.version ?? '', { enabled: false });
  const disabled = await client.getSecret(name).catch((error: unknown) => failure(error));
  const poller = await client.beginDeleteSecret(name);
  const deleted = await poller.pollUntilDone();
  const gone = await client.getSecret(name).catch((error: unknown) => failure(error));
  await (await client.beginRecoverDeletedSecret(name)).pollUntilDone();
  const recovered = await client.getSecret(name, { version: first.properties.version ?? '' });
  return {
    old: old.value,
    oldTags: old.properties.tags,
    newest: newest.value,
    newestExpires: newest.properties.expiresOn?.getTime(),
    versions: versions.length,
    listed: names.length,
    disabled,
    deletedName: deleted.name,
    gone,
    recovered: recovered.value,
  };
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
