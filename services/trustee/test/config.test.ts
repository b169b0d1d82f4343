import { ConfigError } from '@holdfast/base';
import { describe, expect, it } from 'vitest';

import { parseConfig, sessionStorage } from '../src/config.ts';

const minimal = `
[http_server]
insecure_http = true

[admin]
authorization_mode = "DenyAll"

[attestation_token]
trusted_certs_paths = ["ca.pem"]
`;

const redis = (url: string): string =>
  `${minimal}\n[storage_backend]\nstorage_type = "Redis"\n[storage_backend.backends.redis]\nurl = "${url}"\n`;

function problems(text: string): readonly string[] {
  try {
    parseConfig(text, 'kbs.toml');
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

describe('parseConfig', () => {
  it('fills in the defaults of Trustee', () => {
    const config = parseConfig(minimal, 'kbs.toml');
    expect(config).toMatchObject({
      http_server: { sockets: ['127.0.0.1:8080'], payload_request_size: 2, tls_profile: 'intermediate' },
      attestation_service: {
        type: 'coco_as_builtin',
        timeout: 5,
        attestation_token_broker: { duration_min: 5, issuer_name: 'CoCo-Attestation-Service', verbose_token: true },
        verifier_config: { snp_verifier: { vcek_sources: [{ type: 'KDS', base_url: 'https://kdsintf.amd.com' }] } },
      },
      storage_backend: { storage_type: 'Memory' },
      plugins: [],
      holdfast: { environment: 'prod', insecure: false, allow_sample: false, max_sessions: 10_000 },
    });
  });

  it('reads JSON as well as TOML', () => {
    const json = JSON.stringify({
      http_server: { insecure_http: true },
      admin: { authorization_mode: 'DenyAll' },
      attestation_token: { trusted_certs_paths: ['ca.pem'] },
    });
    expect(parseConfig(json, 'kbs.json')).toEqual(parseConfig(minimal, 'kbs.toml'));
  });

  it('reads YAML from a file whose name says so', () => {
    const yaml = [
      'http_server: { insecure_http: true }',
      'admin:',
      '  authorization_mode: DenyAll',
      'attestation_token:',
      '  trusted_certs_paths: [ca.pem]',
    ].join('\n');
    expect(parseConfig(yaml, 'kbs.yaml')).toEqual(parseConfig(minimal, 'kbs.toml'));
    expect(parseConfig(yaml, 'KBS.YML')).toEqual(parseConfig(minimal, 'kbs.toml'));
    expect(() => parseConfig('a: [', 'kbs.yaml')).toThrow(
      expect.objectContaining({ code: 'TRUSTEE_CONFIG_UNREADABLE' }),
    );
  });

  it('takes Redis with TLS, or without on this machine, for everything and so for sessions', () => {
    for (const url of ['rediss://:key@cache.example:6380/0', 'redis://127.0.0.1:6379', 'redis://localhost']) {
      expect([url, problems(redis(url))]).toEqual([url, []]);
      expect(sessionStorage(parseConfig(redis(url), 'kbs.toml'))).toBe('Redis');
    }
    expect(sessionStorage(parseConfig(minimal, 'kbs.toml'))).toBe('Memory');
  });

  it.each<readonly [string, string]>([
    ...['external', 'nebula-ca', 'pkcs11', 'provisioner'].map(
      (name) =>
        [`${minimal}\n[[plugins]]\nname = "${name}"\n`, `plugins.0.name: the plugin ${name} is not built`] as const,
    ),
    [`${minimal}\n[[plugins]]\nname = "resorce"\n`, 'there is no plugin "resorce"'],
    ...['Aws', 'Aliyun', 'Gcp', 'Vault'].map(
      (backend) =>
        [
          `${minimal}\n[[plugins]]\nname = "resource"\nstorage_backend_type = "${backend}"\n`,
          `storage_backend_type: ${backend} is not built`,
        ] as const,
    ),
    [`${minimal}\n[storage_backend]\nstorage_type = "Postgres"\n`, 'Postgres is not built; use Redis'],
    [`${minimal}\n[storage_backend]\nstorage_type = "redis"\n`, 'backends.redis: missing, while Redis is used'],
    [redis('http://cache'), 'is not written as rediss://'],
    [redis('redis://cache.example:6379'), 'resources and tokens would pass unencrypted'],
    [`session_storage_type = "Redis"\n${minimal}`, 'backends.redis: missing, while Redis is used'],
    [`session_storage_type = "LocalFs"\n${minimal}`, 'sessions are kept in Memory or in Redis, not in LocalFs'],
    [
      `${minimal}\n[attestation_service]\ntype = "coco_as_grpc"\n[holdfast]\nattestation_api_sockets = ["127.0.0.1:1"]\n`,
      'the attestation service is another one',
    ],
    [
      `${minimal}\n[attestation_service.rvps_config]\ntype = "GrpcRemote"\naddress = "rvps.example:50003"\n`,
      'anybody in between could change reference values',
    ],
    ['[http_server]\n', 'admin: Invalid input'],
    [minimal.replace('insecure_http = true', ''), 'http_server: private_key and certificate are needed'],
    [minimal.replace('DenyAll', 'InsecureAllowAll'), 'InsecureAllowAll needs holdfast.insecure'],
    [minimal.replace('DenyAll"', 'DenyAll"\nsurprise = 1'), 'admin: Unrecognized key'],
    [minimal.replace('trusted_certs_paths = ["ca.pem"]', ''), 'no token could be verified'],
    [`${minimal}insecure_header_jwk = true\n`, 'needs holdfast.insecure'],
    [`${minimal}trusted_jwk_sets = ["http://keys"]\n`, 'http is refused'],
    [`${minimal}\n[holdfast]\nallow_sample = true\n`, 'environment prod accepts no sample evidence'],
    [`${minimal}\n[holdfast]\nsimulated_root_file = "r.pem"\n`, 'environment prod trusts no simulated root'],
    [`${minimal}\n[storage_backend]\nstorage_type = "LocalFs"\n`, 'local_fs: missing'],
    [`${minimal}\n[attestation_service]\ntype = "intel_ta"\n`, 'intel_ta is not built'],
    [
      minimal.replace('insecure_http = true', 'insecure_http = true\ntls_min_version = "1.3"\ntls_max_version = "1.2"'),
      'above',
    ],
    [
      minimal.replace(
        '"DenyAll"',
        '"AuthenticatedAuthorization"\n[[admin.authentication.bearer_jwt.identity_providers]]\nissuer = "x"\n[[admin.authorization.regex_acl.acls]]\nrole = "a"\nallowed_endpoints = "/kbs.*"\n',
      ),
      'has to begin with ^/kbs and end with $',
    ],
    ['not = [toml', 'cannot read kbs.toml'],
  ])('refuses configuration %#', (text, problem) => {
    expect(problems(text).join('; ')).toContain(problem);
  });
});
