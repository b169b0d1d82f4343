import { z } from 'zod';

/** Back ends by their names, which may be written in snake case. Not all are built: `config.ts` says which. */
const STORAGE_NAMES = {
  Memory: 'Memory',
  LocalFs: 'LocalFs',
  LocalJson: 'LocalJson',
  Postgres: 'Postgres',
  Redis: 'Redis',
  memory: 'Memory',
  local_fs: 'LocalFs',
  local_json: 'LocalJson',
  postgres: 'Postgres',
  redis: 'Redis',
} as const;

const storageType = z
  .enum(Object.keys(STORAGE_NAMES) as [keyof typeof STORAGE_NAMES, ...(keyof typeof STORAGE_NAMES)[]])
  .transform((name) => STORAGE_NAMES[name]);

export type StorageType = (typeof STORAGE_NAMES)[keyof typeof STORAGE_NAMES];

const tlsVersion = z.enum(['1.2', '1.3']);

const httpServerSchema = z.object({
  sockets: z
    .array(z.string().min(1))
    .min(1)
    .default(['127.0.0.1:8080'])
    .meta({ description: 'Addresses to listen on' }),
  insecure_http: z
    .boolean()
    .default(false)
    .meta({ description: 'Plain HTTP; otherwise key and certificate are needed' }),
  private_key: z.string().min(1).optional().meta({ description: 'PEM key of the listener' }),
  certificate: z.string().min(1).optional().meta({ description: 'PEM certificate chain of the listener' }),
  payload_request_size: z.number().positive().max(64).default(2).meta({ description: 'Longest body in MiB' }),
  worker_count: z.int().min(1).optional().meta({ description: 'Accepted and not needed: one process serves all' }),
  tls_profile: z.enum(['old', 'intermediate', 'modern', 'custom']).default('intermediate'),
  tls_min_version: tlsVersion.optional(),
  tls_max_version: tlsVersion.optional(),
  tls_ciphers: z.string().min(1).optional().meta({ description: 'Names as OpenSSL writes them, with colons' }),
  tls_groups: z.string().min(1).optional().meta({ description: 'Groups as OpenSSL writes them, with colons' }),
});

const identityProviderSchema = z.strictObject({
  issuer: z.string().min(1).optional(),
  audience: z.string().min(1).optional(),
  public_key_uri: z.string().min(1).optional(),
  jwk_set_uri: z.string().min(1).optional(),
});

const adminSchema = z.strictObject({
  authorization_mode: z.enum(['InsecureAllowAll', 'DenyAll', 'AuthenticatedAuthorization']),
  authentication: z
    .strictObject({ bearer_jwt: z.strictObject({ identity_providers: z.array(identityProviderSchema).min(1) }) })
    .optional(),
  authorization: z
    .strictObject({
      regex_acl: z.strictObject({
        acls: z.array(z.strictObject({ role: z.string().min(1), allowed_endpoints: z.string().min(1) })),
      }),
    })
    .optional(),
});

const vcekSourceSchema = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('OfflineStore'),
    path: z.string().min(1).default('/opt/confidential-containers/attestation-service/kds-store'),
  }),
  z.object({ type: z.literal('KDS'), base_url: z.url().default('https://kdsintf.amd.com') }),
]);

const attestationServiceSchema = z.object({
  type: z.enum(['coco_as_builtin', 'coco_as_grpc', 'intel_ta']).default('coco_as_builtin'),
  timeout: z.number().positive().max(1440).default(5).meta({ description: 'Minutes a session lasts' }),
  storage_type: storageType.optional().meta({ description: 'Where policies and reference values are, if elsewhere' }),
  as_addr: z.url().default('http://127.0.0.1:50004').meta({ description: 'With coco_as_grpc: the other service' }),
  pool_size: z.int().min(1).optional().meta({ description: 'Accepted and not needed: one connection takes all calls' }),
  rvps_config: z
    .object({
      type: z.enum(['BuiltIn', 'GrpcRemote']).default('BuiltIn'),
      address: z.string().min(1).default('127.0.0.1:50003').meta({ description: 'With GrpcRemote: the other service' }),
      storage_type: storageType.optional(),
    })
    .prefault({}),
  attestation_token_broker: z
    .object({
      duration_min: z.number().positive().max(1440).default(5).meta({ description: 'Minutes a token is valid' }),
      issuer_name: z.string().default('CoCo-Attestation-Service'),
      developer_name: z.string().default('https://confidentialcontainers.org'),
      build_name: z.string().default('holdfast-trustee 0.1.0'),
      profile_name: z.string().default('tag:github.com,2024:confidential-containers/Trustee'),
      verbose_token: z.boolean().default(true),
      signer: z
        .object({
          key_path: z.string().min(1),
          cert_path: z.string().min(1).optional(),
          cert_url: z.string().min(1).optional(),
        })
        .optional(),
    })
    .prefault({}),
  verifier_config: z
    .object({
      snp_verifier: z
        .object({
          vcek_sources: z.array(vcekSourceSchema).default([{ type: 'KDS', base_url: 'https://kdsintf.amd.com' }]),
        })
        .prefault({}),
    })
    .prefault({}),
});

const storageBackendSchema = z.object({
  storage_type: storageType.default('Memory'),
  backends: z
    .object({
      local_fs: z
        .object({ dir_path: z.string().min(1).default('/opt/confidential-containers/storage/local_fs') })
        .optional(),
      local_json: z
        .object({ file_dir_path: z.string().min(1).default('/opt/confidential-containers/storage/local_json') })
        .optional(),
      redis: z
        .object({
          url: z
            .string()
            .regex(/^rediss?:\/\/[^/]+(?:\/\d{0,3})?$/, 'is not written as rediss://:PASSWORD@HOST:PORT/0')
            .meta({ description: 'Address with password, as rediss://:PASSWORD@HOST:PORT/0', secret: true }),
        })
        .optional(),
    })
    .prefault({}),
});

/** Settings that the reference implementation does not have. */
const holdfastSchema = z.strictObject({
  environment: z.enum(['test', 'integ', 'prod']).default('prod').meta({ description: 'prod refuses every test root' }),
  insecure: z.boolean().default(false).meta({ description: 'Allows InsecureAllowAll and insecure_header_jwk' }),
  allow_sample: z.boolean().default(false).meta({ description: 'Accepts sample evidence, which proves nothing' }),
  admin_sockets: z.array(z.string().min(1)).default([]).meta({
    description: 'Addresses for administrators alone; `http_server.sockets` then serve guests alone',
  }),
  attestation_api_sockets: z.array(z.string().min(1)).default([]).meta({
    description: 'Addresses of the attestation service itself, for other key brokers; nobody is asked who he is',
  }),
  attestation_grpc_sockets: z.array(z.string().min(1)).default([]).meta({
    description: 'Addresses of attestation service and reference values over gRPC; nobody is asked who he is',
  }),
  attestation_api_writes: z.boolean().default(false).meta({
    description: 'Whether policies and reference values can be changed at these addresses',
  }),
  max_sessions: z.int().min(1).max(1_000_000).default(10_000).meta({ description: 'Sessions at the same time' }),
  enforce_reference_expiration: z.boolean().default(false).meta({ description: 'Whether reference values run out' }),
  redis_ca_file: z.string().min(1).optional().meta({ description: 'PEM certificates that Redis is trusted under' }),
  snp_issuer_files: z.array(z.string().min(1)).default([]).meta({ description: 'PEM files with ASK, ASVK and ARK' }),
  simulated_root_file: z.string().min(1).optional().meta({ description: 'PEM of a simulated root that is trusted' }),
  allowed_csp_ids: z.array(z.string().min(1)).default([]).meta({ description: 'Providers whose VLEK may sign' }),
});

/** The configuration of the key broker, with the names and defaults of Trustee. */
export const configSchema = z.object({
  http_server: httpServerSchema.meta({ description: 'Where and how requests are taken' }),
  admin: adminSchema.meta({ description: 'Who may change resources, policies and reference values' }),
  attestation_token: z
    .object({
      trusted_jwk_sets: z.array(z.string().min(1)).default([]),
      trusted_certs_paths: z.array(z.string().min(1)).default([]),
      extra_teekey_paths: z.array(z.string().startsWith('/')).default([]),
      insecure_header_jwk: z.boolean().default(false).meta({ description: 'Trusts the key a token brings. For tests' }),
    })
    .prefault({})
    .meta({ description: 'Which attestation tokens are trusted' }),
  attestation_service: attestationServiceSchema
    .prefault({})
    .meta({ description: 'How evidence is verified and appraised, and tokens are signed' }),
  storage_backend: storageBackendSchema
    .prefault({})
    .meta({ description: 'Where resources, policies and reference values are kept' }),
  session_storage_type: storageType.optional().meta({
    description: 'Memory, or Redis, whose sessions all replicas share. Redis when it is the storage of everything',
  }),
  plugins: z
    .array(
      z.object({
        name: z.string().min(1),
        storage_backend_type: z.string().min(1).default('kvstorage'),
      }),
    )
    .default([])
    .meta({
      description: 'Nothing is served without an entry named resource; `sample` answers administrators one text',
    }),
  holdfast: holdfastSchema.prefault({}).meta({ description: 'Settings that Trustee does not have' }),
});

export type TrusteeConfig = z.output<typeof configSchema>;
