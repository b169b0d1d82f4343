import { ConfigError } from '@holdfast/base';
import { describe, expect, it } from 'vitest';

import { loadOperatorConfig } from '../src/config.ts';

const launch = { VAULT_NAME: 'my-vault', OPERATOR_KEY_SECRET_NAME: 'my-key', DEPLOYMENT_ENVIRONMENT: 'integ' };
const direct = { core_attest_url: 'http://core.test/attest', core_api_token: 'UID2-O-L-1-key' };

function problemsOf(env: Record<string, string>): readonly string[] {
  try {
    loadOperatorConfig({ env });
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}

describe('loadOperatorConfig', () => {
  it("derives everything from the manifest's three variables", () => {
    expect(loadOperatorConfig({ env: launch })).toMatchObject({
      http: { host: '0.0.0.0', port: 8080 },
      metricsPort: 9080,
      operatorKey: { from: 'vault', vaultUrl: 'https://my-vault.vault.azure.net', secretName: 'my-key' },
      platform: 'azure-cc',
      operatorType: 'private',
      attestUrl: 'https://core-integ.uidapi.com/attest',
      maaEndpoint: 'https://sharedeus.eus.attest.azure.net',
      sidecarUrl: 'http://localhost:9000',
      storeUrls: {
        clients: 'https://core-integ.uidapi.com/clients/refresh',
        keysets: 'https://core-integ.uidapi.com/key/keyset/refresh',
        keysetKeys: 'https://core-integ.uidapi.com/key/keyset-keys/refresh',
        salts: 'https://core-integ.uidapi.com/salt/refresh',
        cloudEncryptionKeys: 'https://core-integ.uidapi.com/cloud_encryption_keys/retrieve',
        runtimeConfig: 'https://core-integ.uidapi.com/operator/config',
      },
      encryptedFiles: true,
      optOut: {
        listPath: 'https://optout-integ.uidapi.com/optout/refresh',
        writeUri: 'https://optout-integ.uidapi.com/optout/replicate',
        folder: 'uid-optout-integ/',
        intervalMs: 60_000,
        staleLimitMs: 43_200_000,
      },
      saltsExpiredShutdownMs: 43_200_000,
      storeStaleShutdownMs: 43_200_000,
    });
  });

  it('takes clear files and the plain folder for a Core of its own', () => {
    const env = { ...launch, CORE_BASE_URL: 'http://127.0.0.1:8088', SKIP_VALIDATIONS: 'True' };
    const config = loadOperatorConfig({ env });
    expect([config.encryptedFiles, config.optOut.folder, config.launch?.skipValidations]).toEqual([
      false,
      'optout/',
      true,
    ]);
  });

  it('lets a key that is set win over a derived one', () => {
    const env = {
      ...launch,
      azure_vault_url: 'https://127.0.0.1:8444',
      encrypted_files: 'false',
      optout_s3_folder: 'mine',
      enclave_platform: '',
    };
    expect(loadOperatorConfig({ env })).toMatchObject({
      operatorKey: { vaultUrl: 'https://127.0.0.1:8444' },
      encryptedFiles: false,
      optOut: { folder: 'mine/' },
      platform: 'trusted',
    });
  });

  it('works from the keys of the reference outside an enclave', () => {
    const config = loadOperatorConfig({ env: { ...direct, port_offset: '10', identity_scope: 'EUID' } });
    expect(config).toMatchObject({
      launch: undefined,
      http: { port: 8090 },
      metricsPort: 9090,
      platform: 'trusted',
      optOut: { listPath: '/optout/refresh', writeUri: '/optout/replicate', folder: 'optout/' },
      settings: { identityScope: 'euid', phoneSupport: true, allowClockSkewSeconds: 1800 },
    });
    expect(config.operatorKey.from === 'configuration' && config.operatorKey.key.reveal()).toBe('UID2-O-L-1-key');
    expect(JSON.stringify(config)).not.toContain('UID2-O-L-1-key');
  });

  it('leaves everything off that only public operators may use', () => {
    expect(loadOperatorConfig({ env: direct }).settings).toMatchObject({
      clientSide: undefined,
      serviceLinks: false,
      envelopes: true,
      tcfVendorId: 21,
      usageLimits: { unknownPaths: 50, versionsPerSite: 50 },
    });
  });

  it('knows client-side generation, service links and their stores', () => {
    const env = {
      ...direct,
      client_side_token_generate: 'true',
      client_side_token_generate_domain_name_check_enabled: 'false',
      client_side_token_generate_log_invalid_http_origins: 'true',
      key_sharing_endpoint_provide_app_names: 'true',
      validate_service_links: 'true',
      enable_v2_encryption: 'false',
      tcf_vendor_id: '7',
      sites_metadata_path: 'http://other.test/sites',
      service_refresh_ms: '5000',
      logging_limit_max_version_buckets_per_site: '10',
    };
    expect(loadOperatorConfig({ env })).toMatchObject({
      storeUrls: {
        sites: 'http://other.test/sites',
        clientSideKeypairs: 'http://core.test/client_side_keypairs/refresh',
        services: 'http://core.test/services/refresh',
        serviceLinks: 'http://core.test/service_links/refresh',
      },
      intervalsMs: { sites: 10_000, services: 5000 },
      settings: {
        clientSide: { domainCheck: false, logInvalidOrigins: true, shareAppNames: true },
        serviceLinks: true,
        envelopes: false,
        tcfVendorId: 7,
        usageLimits: { unknownPaths: 50, versionsPerSite: 10 },
      },
    });
  });

  it('takes the runtime configuration from its own keys when told so', () => {
    const env = { ...direct, enable_remote_config: 'false', sharing_token_expiry_seconds: '5' };
    expect(loadOperatorConfig({ env }).staticRuntimeConfig).toEqual({ sharing_token_expiry_seconds: 5 });
  });

  it('names everything that is wrong at once', () => {
    expect(problemsOf({})).toHaveLength(2);
    expect(problemsOf({ ...direct, http_port: '70000', optout_stale_limit_seconds: 'soon' })).toEqual([
      expect.stringMatching(/^http_port: /),
      expect.stringMatching(/^optout_stale_limit_seconds: /),
    ]);
  });

  it('refuses a platform it has no evidence for', () => {
    expect(problemsOf({ ...direct, enclave_platform: 'aws-nitro' })[0]).toContain(
      'enclave_platform is providing the wrong value: aws-nitro',
    );
  });

  it('ignores the operator key of the environment inside an enclave', () => {
    expect(loadOperatorConfig({ env: { ...launch, core_api_token: 'x' } }).operatorKey.from).toBe('vault');
  });
});
