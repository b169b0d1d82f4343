import { loadConfig } from '@holdfast/process';
import type { ServiceHost } from '@holdfast/process';
import { z } from 'zod';

const uvmEndorserSchema = z.strictObject({
  issuer: z.string().startsWith('did:x509:').meta({ description: 'did:x509 of the endorser, compared exactly' }),
  feed: z.string().min(1).meta({ description: 'Feed of the endorsement, compared exactly' }),
  minimum_svn: z.int().min(0).default(0).meta({ description: 'Lowest security version accepted' }),
  status: z.string().min(1).optional().meta({ description: 'Value of x-ms-compliance-status that a match earns' }),
});

const managementSchema = z.strictObject({
  issuer: z.url({ protocol: /^https$/ }).meta({ description: 'Issuer of access tokens, exactly as in iss' }),
  keys_url: z.url({ protocol: /^https$/ }).meta({ description: 'Where the keys of that issuer are' }),
  audience: z.string().min(1).default('https://attest.azure.net').meta({ description: 'Audience of access tokens' }),
  administrators: z.array(z.guid()).min(1).meta({ description: 'Object ids of those who may manage this instance' }),
  state_file: z.string().min(1).meta({ description: 'File for the policy and its signers; written by this service' }),
  policy_signer_certificate_files: z
    .array(z.string().min(1))
    .default([])
    .meta({ description: 'PEM certificates of the first policy signers; unsigned policies count only without any' }),
});

export const configSchema = z.object({
  host: z.string().default('0.0.0.0').meta({ description: 'Address to listen on' }),
  port: z.int().min(0).max(65535).default(8445).meta({ description: 'Port to listen on; 0 takes any free port' }),
  metrics_port: z.int().min(-1).max(65535).default(-1).meta({ description: 'Port of GET /metrics; 0 any, -1 none' }),
  issuer: z
    .url({ protocol: /^https?$/ })
    .refine((url) => !url.endsWith('/'), 'must not end with a slash')
    .optional()
    .meta({ description: 'The issuer exactly as it stands in tokens; the listening address when missing' }),
  tls_key_file: z.string().min(1).optional().meta({ description: 'PEM key of the listener; plain http without it' }),
  tls_certificate_file: z.string().min(1).optional().meta({ description: 'PEM certificate chain of the listener' }),
  signing_key_file: z.string().min(1).meta({ description: 'PEM RSA key (2048 bits or more) that signs tokens' }),
  signing_certificate_file: z
    .string()
    .min(1)
    .optional()
    .meta({ description: 'PEM certificate of the signing key; self-signed at start when missing' }),
  signing_key_reload_seconds: z
    .int()
    .min(0)
    .default(60)
    .meta({ description: 'How often the signing files are looked at for a new key; 0 never' }),
  management: managementSchema
    .optional()
    .meta({ description: 'Who may change the attestation policy over the network; nobody when missing' }),
  environment: z.enum(['test', 'integ', 'prod']).default('prod').meta({ description: 'prod refuses every test root' }),
  trusted_root_files: z
    .array(z.string().min(1))
    .optional()
    .meta({ description: 'PEM files of the AMD root keys to trust; all known AMD roots when missing' }),
  simulated_root_file: z
    .string()
    .min(1)
    .optional()
    .meta({ description: 'PEM of a simulated root. Evidence under it is accepted and marked as a test' }),
  intermediate_files: z
    .array(z.string().min(1))
    .default([])
    .meta({ description: 'PEM files with ASK and ASVK certificates, for evidence that brings its leaf alone' }),
  revocation: z.enum(['off', 'soft', 'hard']).default('off').meta({
    description:
      'Whether the issuer of a chip certificate is looked up in revocation lists: soft where there is a current one, hard always',
  }),
  revocation_list_files: z
    .array(z.string().min(1))
    .default([])
    .meta({ description: "Files with revocation lists of AMD's roots, DER or PEM" }),
  revocation_list_reload_seconds: z
    .int()
    .min(0)
    .default(3600)
    .meta({ description: 'How often those files are read again; 0 never' }),
  chain_cache_entries: z
    .int()
    .min(0)
    .max(100_000)
    .default(256)
    .meta({ description: 'How many verified certificate bundles are remembered; 0 none' }),
  allowed_csp_ids: z.array(z.string().min(1)).default([]).meta({
    description: 'Cloud providers whose loaded keys (VLEK) may sign evidence, as their certificates name them',
  }),
  allow_debug: z
    .boolean()
    .default(true)
    .meta({ description: 'Whether debug guests get a token, which says so and carries no compliance status' }),
  policy_bit_claims: z
    .boolean()
    .default(false)
    .meta({ description: 'Whether tokens carry the claims about guest policy bits that newer services add' }),
  uvm_endorsers: z
    .array(uvmEndorserSchema)
    .optional()
    .meta({ description: 'Who may endorse utility VMs; Microsoft for container groups and Kata guests when missing' }),
  simulated_uvm_endorsers: z
    .array(uvmEndorserSchema)
    .optional()
    .meta({ description: 'Endorsers of the simulated platform (container groups, Kata guests), trusted in addition' }),
});

export type AttestationConfig = z.output<typeof configSchema>;
export type UvmEndorserConfig = z.output<typeof uvmEndorserSchema>;

/** @throws ConfigError CONFIG_INVALID, CONFIG_UNREADABLE */
export function readConfig(host: Pick<ServiceHost, 'env' | 'configFile'>): AttestationConfig {
  return loadConfig({
    schema: configSchema,
    env: host.env,
    ...(host.configFile === undefined ? {} : { file: host.configFile }),
  });
}
