import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { APPLICATION, OPERATOR_IDENTITY, openTestCloud, runSdk, TENANT } from './cloud.ts';
import type { SdkCase, TestCloud } from './cloud.ts';

describe('the unmodified Azure SDKs, each case in a process of its own', { timeout: 90_000 }, () => {
  let cloud: TestCloud;
  const podEnvironment = (): Record<string, string> => ({
    AZURE_POD_IDENTITY_AUTHORITY_HOST: cloud.identityUrl,
    NODE_EXTRA_CA_CERTS: cloud.caFile,
  });
  const get = (over: Partial<SdkCase> = {}): SdkCase => ({
    vaultUrl: cloud.vaultUrl,
    credential: { kind: 'managed-identity' },
    operation: 'get',
    ...over,
  });

  beforeAll(async () => {
    cloud = await openTestCloud();
    await cloud.vault.setSecret('operator-key', 'UID2-O-L-1-abc');
  });
  afterAll(async () => cloud.close());

  const grant = (principalId: string, role: string): void => {
    cloud.properties = { enableRbacAuthorization: true, roleAssignments: [{ principalId, role }] };
  };

  it('ManagedIdentityCredential reads a secret with the role Key Vault Secrets User', async () => {
    grant(OPERATOR_IDENTITY.principalId, 'Key Vault Secrets User');
    const [version] = cloud.vault.listVersions('operator-key').map((secret) => secret.version);
    expect(await runSdk(get(), podEnvironment())).toEqual({
      ok: {
        name: 'operator-key',
        value: 'UID2-O-L-1-abc',
        version,
        id: `${cloud.vaultUrl}/secrets/operator-key/${version}`,
      },
    });
  });

  it('DefaultAzureCredential reads a secret with the identity that AZURE_CLIENT_ID names', async () => {
    grant(OPERATOR_IDENTITY.principalId, 'Key Vault Secrets User');
    const env = { ...podEnvironment(), AZURE_CLIENT_ID: OPERATOR_IDENTITY.clientId };
    const answer = await runSdk(get({ credential: { kind: 'default' } }), env);
    expect(answer).toMatchObject({ ok: { value: 'UID2-O-L-1-abc' } });
  });

  it('an identity without a role gets 403 Forbidden, one with Key Vault Reader too', async () => {
    for (const role of ['none', 'Key Vault Reader']) {
      grant(OPERATOR_IDENTITY.principalId, role);
      const answer = await runSdk(get(), podEnvironment());
      expect(answer).toMatchObject({ error: { name: 'RestError', code: 'Forbidden', statusCode: 403 } });
    }
  });

  it('a missing secret gets 404 SecretNotFound', async () => {
    grant(OPERATOR_IDENTITY.principalId, 'Key Vault Secrets User');
    const answer = await runSdk(get({ secretName: 'no-such' }), podEnvironment());
    expect(answer).toMatchObject({ error: { name: 'RestError', code: 'SecretNotFound', statusCode: 404 } });
  });

  it('an unknown client id surfaces as CredentialUnavailableError with the reason of the endpoint', async () => {
    const credential = { kind: 'managed-identity', clientId: 'eeeeeeee-0000-4000-8000-000000000000' } as const;
    const answer = await runSdk(get({ credential, operation: 'token' }), podEnvironment());
    expect(answer).toMatchObject({ error: { name: 'CredentialUnavailableError' } });
    expect(JSON.stringify(answer)).toContain('Identity not found');
  });

  it('a vault whose authority is not trusted is not talked to', async () => {
    const { NODE_EXTRA_CA_CERTS: _, ...env } = podEnvironment();
    const answer = await runSdk(get(), env);
    expect(answer).toMatchObject({ error: { name: 'RestError' } });
    expect(JSON.stringify(answer)).not.toContain('UID2-O-L');
  });

  it('ClientSecretCredential gets a token from a local authority and SecretClient does the whole life of a secret', async () => {
    grant(APPLICATION.objectId, 'Key Vault Secrets Officer');
    const answer = await runSdk(
      get({
        credential: { kind: 'client-secret', tenantId: TENANT, clientId: APPLICATION.clientId, secret: 'sec~ret' },
        operation: 'lifecycle',
        secretName: 'life',
      }),
      { AZURE_AUTHORITY_HOST: cloud.entraUrl, NODE_EXTRA_CA_CERTS: cloud.caFile },
    );
    expect(answer).toMatchObject({
      ok: {
        old: 'one',
        oldTags: { use: 'test' },
        newest: 'two',
        newestExpires: 2_000_000_000_000,
        versions: 2,
        listed: 32,
        disabled: { code: 'Forbidden', statusCode: 403 },
        deletedName: 'life',
        gone: { code: 'SecretNotFound', statusCode: 404 },
        recovered: 'one',
      },
    });
  });

  it('fetchSecret of @holdfast/azure reads the secret, and shows it to nobody who only prints it', async () => {
    grant(OPERATOR_IDENTITY.principalId, 'Key Vault Secrets User');
    const answer = await runSdk(get({ operation: 'fetch-secret' }), podEnvironment());
    expect(answer).toMatchObject({ ok: { shown: '[secret]', value: 'UID2-O-L-1-abc' } });
  });

  it('fetchSecret names what went wrong: no role, no secret, no identity endpoint, no vault, no answer in time', async () => {
    const code = async (over: Partial<SdkCase>, env: Record<string, string> = {}): Promise<unknown> =>
      (await runSdk(get({ operation: 'fetch-secret', ...over }), { ...podEnvironment(), ...env }))['error'];
    const nowhere = { AZURE_POD_IDENTITY_AUTHORITY_HOST: 'http://127.0.0.1:1' };
    grant(OPERATOR_IDENTITY.principalId, 'Key Vault Secrets User');
    expect(await code({ secretName: 'no-such' })).toMatchObject({ name: 'DependencyError', code: 'SECRET_NOT_FOUND' });
    expect(await code({}, nowhere)).toMatchObject({ code: 'AZURE_CREDENTIAL_UNAVAILABLE' });
    expect(await code({ vaultUrl: 'https://127.0.0.1:1', timeoutMs: 1500 })).toMatchObject({
      code: 'AZURE_UNREACHABLE',
    });
    grant(OPERATOR_IDENTITY.principalId, 'none');
    expect(await code({})).toMatchObject({ code: 'AZURE_FORBIDDEN' });
  });

  it('a wrong client secret surfaces with its AADSTS number', async () => {
    const credential = {
      kind: 'client-secret',
      tenantId: TENANT,
      clientId: APPLICATION.clientId,
      secret: 'no',
    } as const;
    const env = { AZURE_AUTHORITY_HOST: cloud.entraUrl, NODE_EXTRA_CA_CERTS: cloud.caFile };
    const answer = await runSdk(get({ credential, operation: 'token' }), env);
    expect(answer).toMatchObject({ error: { name: 'AuthenticationRequiredError' } });
    expect(JSON.stringify(answer)).toContain('AADSTS7000215');
  });
});
