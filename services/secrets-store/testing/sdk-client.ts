/**
 * A program for contract tests: drives the unmodified Azure SDKs, or the provider of this service, against any endpoints and
 * prints one JSON line. The SDKs keep the source of identities, tokens and trusted authorities for the life of a process, so every
 * case needs a process of its own.
 * Argument: JSON of `SdkRequest`. Output: `{"ok": …}` or `{"error": {"name","code","statusCode","message"}}`.
 */
import { ClientSecretCredential, ManagedIdentityCredential, WorkloadIdentityCredential } from '@azure/identity';
import type { TokenCredential } from '@azure/identity';
import { CertificateClient } from '@azure/keyvault-certificates';
import { KeyClient } from '@azure/keyvault-keys';
import { SecretClient } from '@azure/keyvault-secrets';

import { sdkVaults } from '../src/azure/sdk-vault-reader.ts';
import { mountObjects } from '../src/provider/provider.ts';

export type SdkRequest =
  | { readonly operation: 'token'; readonly credential: SdkCredential; readonly scope: string; readonly times: number }
  | { readonly operation: 'vault'; readonly credential: SdkCredential; readonly vaultUrl: string }
  | { readonly operation: 'get'; readonly credential: SdkCredential; readonly vaultUrl: string; readonly name: string }
  | {
      readonly operation: 'mount';
      readonly attributes: Readonly<Record<string, string>>;
      readonly secrets: Readonly<Record<string, string>> | undefined;
      readonly vaultUrl: string;
      readonly authorityUrl: string;
      readonly nmiUrl?: string;
      readonly tokenProxyUrl?: string;
    };

export type SdkCredential =
  | { readonly kind: 'managed-identity'; readonly clientId?: string; readonly resourceId?: string }
  | { readonly kind: 'workload-identity' }
  | { readonly kind: 'client-secret'; readonly tenantId: string; readonly clientId: string; readonly secret: string };

const given = JSON.parse(process.argv[2] ?? '') as SdkRequest;

function credentialOf(credential: SdkCredential): TokenCredential {
  switch (credential.kind) {
    case 'managed-identity':
      if (credential.resourceId !== undefined)
        return new ManagedIdentityCredential({ resourceId: credential.resourceId });
      return new ManagedIdentityCredential(credential.clientId === undefined ? {} : { clientId: credential.clientId });
    case 'workload-identity':
      return new WorkloadIdentityCredential({ disableInstanceDiscovery: true });
    default:
      return new ClientSecretCredential(credential.tenantId, credential.clientId, credential.secret, {
        disableInstanceDiscovery: true,
      });
  }
}

async function run(): Promise<unknown> {
  if (given.operation === 'mount') return mount(given);
  const credential = credentialOf(given.credential);
  if (given.operation === 'token') {
    const tokens: (string | undefined)[] = [];
    for (let time = 0; time < given.times; time++) tokens.push((await credential.getToken(given.scope))?.token);
    return { tokens };
  }
  const options = { disableChallengeResourceVerification: true };
  if (given.operation === 'get') {
    const { value } = await new SecretClient(given.vaultUrl, credential, options).getSecret(given.name);
    return { value };
  }
  return certificateLife(given.vaultUrl, credential);
}

/** The life of a certificate, and the key and secret that come with it. */
async function certificateLife(vaultUrl: string, credential: TokenCredential): Promise<unknown> {
  const options = { disableChallengeResourceVerification: true };
  const client = new CertificateClient(vaultUrl, credential, options);
  const policy = { issuerName: 'Self', subject: 'CN=web' };
  const poller = await client.beginCreateCertificate('web', policy, { intervalInMs: 10 });
  const first = await poller.pollUntilDone();
  const second = await (
    await client.beginCreateCertificate(
      'web',
      { ...policy, contentType: 'application/x-pem-file' },
      { intervalInMs: 10 },
    )
  ).pollUntilDone();
  const secret = await new SecretClient(vaultUrl, credential, options).getSecret('web');
  const key = await new KeyClient(vaultUrl, credential, options).getKey('web');
  const versions: string[] = [];
  for await (const { version } of client.listPropertiesOfCertificateVersions('web')) versions.push(version ?? '');
  const kept = await client.getCertificatePolicy('web');
  const version = second.properties.version ?? '';
  const updated = await client.updateCertificateProperties('web', version, { enabled: false, tags: { a: 'b' } });
  const imported = await client.importCertificate('copy', Buffer.from(secret.value ?? ''), {
    policy: { issuerName: 'Unknown', contentType: 'application/x-pem-file' },
  });
  const deleted = await (await client.beginDeleteCertificate('web', { intervalInMs: 10 })).pollUntilDone();
  const afterDelete = await client.getCertificate('web').catch((error: unknown) => error as { code?: string });
  await (await client.beginRecoverDeletedCertificate('web', { intervalInMs: 10 })).pollUntilDone();
  return {
    versions:
      new Set(versions).size === 2 && versions.includes(first.properties.version ?? '') && versions.includes(version),
    sameVersion: secret.properties.version === version && key.properties.version === version,
    contentType: secret.properties.contentType,
    certificateKeyId: secret.properties.certificateKeyId === second.keyId,
    secretHasKey: secret.value?.includes('PRIVATE KEY'),
    keyType: key.keyType,
    subject: kept.subject,
    enabled: updated.properties.enabled,
    tags: updated.properties.tags,
    importedIsTheSame: Buffer.compare(Buffer.from(imported.cer ?? []), Buffer.from(second.cer ?? [])) === 0,
    deletedName: deleted.name,
    afterDelete: (afterDelete as { code?: string }).code,
    recovered: (await client.getCertificate('web')).name,
  };
}

async function mount(request: Extract<SdkRequest, { operation: 'mount' }>): Promise<unknown> {
  const { attributes, secrets, vaultUrl, authorityUrl } = request;
  const { files, objectVersions } = await mountObjects(
    { attributes, secrets, permission: 0o644 },
    {
      openVault: sdkVaults({
        nmiUrl: () => request.nmiUrl ?? 'http://127.0.0.1:1',
        authorityUrl,
        ca: undefined,
        tokenProxy: {
          url: request.tokenProxyUrl ?? 'https://127.0.0.1:1',
          ca: process.env['TEST_CA'],
          serverName: undefined,
        },
        clock: Date.now,
      }),
      vaultAddress: () => `${vaultUrl}/`,
      constructPemChain: true,
      separateFiles: attributes['separateFiles'] === 'true',
    },
  );
  return {
    files: files.map(({ path, mode, contents }) => ({ path, mode, text: Buffer.from(contents).toString('utf8') })),
    ids: objectVersions.map(({ id }) => id),
  };
}

try {
  process.stdout.write(JSON.stringify({ ok: await run() }));
} catch (thrown) {
  const { name, code, statusCode, message } = thrown as Record<string, unknown>;
  process.stdout.write(JSON.stringify({ error: { name, code, statusCode, message } }));
}
