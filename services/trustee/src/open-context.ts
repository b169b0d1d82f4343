import { createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes, X509Certificate } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import {
  amdRoots,
  createEarSigner,
  isJsonObject,
  member,
  parseCertificates,
  parseJsonObject,
  simulatedRoot,
} from '@holdfast/attestation';
import type { EarSigner, JsonObject, JsonValue } from '@holdfast/attestation';
import { ConfigError, errorMessage, fromUtf8 } from '@holdfast/base';
import type { Clock } from '@holdfast/base';
import { createMetricsRegistry } from '@holdfast/http';
import type { HttpClient } from '@holdfast/http';
import type { Logger } from '@holdfast/process';

import { createAttestationService } from './appraisal/attestation-service.ts';
import { PolicyStore } from './appraisal/policy-store.ts';
import type { StorageType, TrusteeConfig } from './config-schema.ts';
import type { TlsSettings, TrusteeContext } from './context.ts';
import { createEvents } from './events.ts';
import { allowEveryone, createAdministrators, denyEveryone } from './kbs/administrators.ts';
import type { Administrators, AdminKey } from './kbs/administrators.ts';
import { Sessions } from './kbs/sessions.ts';
import { createTokenVerifier, keyOfJwk } from './kbs/token-verifier.ts';
import type { TokenTrust } from './kbs/token-verifier.ts';
import { defaultAttestationPolicies } from './policies/attestation-policies.ts';
import { defaultResourcePolicy } from './policies/resource-policies.ts';
import { createReferenceValues } from './reference-values/reference-value-service.ts';
import { createMemoryStore } from './storage/key-value-store.ts';
import type { KeyValueStore, Namespace } from './storage/key-value-store.ts';
import { createLocalFsStore } from './storage/local-fs-store.ts';
import { createLocalJsonStore } from './storage/local-json-store.ts';
import { createAzureSnpVtpmVerifier } from './verifiers/azure-snp-vtpm.ts';
import { createSampleVerifier } from './verifiers/sample.ts';
import { createSnpCertificates } from './verifiers/snp-certificates.ts';
import { createSnpTrust } from './verifiers/snp-trust.ts';
import { createSnpVerifier } from './verifiers/snp.ts';
import type { EvidenceVerifier } from './verifiers/verifier.ts';

const FETCH_TIMEOUT_MS = 15_000;

export interface OpenContextOptions {
  readonly config: TrusteeConfig;
  readonly logger: Logger;
  readonly client: Pick<HttpClient, 'send'>;
  readonly clock: Clock;
}

/** Reads everything the configuration names and puts the parts together. */
export async function openContext({ config, logger, client, clock }: OpenContextOptions): Promise<TrusteeContext> {
  const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));
  const { attestation_service: service, storage_backend: storage, holdfast } = config;
  const metrics = createMetricsRegistry('trustee');
  const sessions = new Sessions({
    clock,
    random,
    lifetimeMs: service.timeout * 60_000,
    maxSessions: holdfast.max_sessions,
  });
  const attestationStorage = service.storage_type ?? storage.storage_type;
  const open = (namespace: Namespace, type: StorageType): KeyValueStore => openStore(config, namespace, type);

  const references = createReferenceValues({
    store: open('reference_value', service.rvps_config.storage_type ?? attestationStorage),
    clock,
    enforceExpiration: holdfast.enforce_reference_expiration,
  });
  const attestationPolicies = new PolicyStore(open('attestation_service_policy', attestationStorage));
  await attestationPolicies.provide(defaultAttestationPolicies);
  const resourcePolicies = new PolicyStore(open('kbs', storage.storage_type));
  await resourcePolicies.provide({ 'resource-policy.rego': defaultResourcePolicy });

  const signer = await openSigner(config, logger);
  const broker = service.attestation_token_broker;
  return {
    sessions,
    attestation: createAttestationService({
      verifiers: await openVerifiers(config, client, clock),
      policies: attestationPolicies,
      references,
      signer,
      clock,
      settings: {
        durationMinutes: broker.duration_min,
        issuer: broker.issuer_name,
        profile: broker.profile_name,
        developer: broker.developer_name,
        build: broker.build_name,
        verbose: broker.verbose_token,
      },
    }),
    references,
    resourcePolicies,
    resources: config.plugins.some((plugin) => plugin.name === 'resource')
      ? open('repository', storage.storage_type)
      : undefined,
    samplePlugin: config.plugins.some((plugin) => plugin.name === 'sample'),
    attestationApiWrites: holdfast.attestation_api_writes,
    verifyToken: createTokenVerifier(await openTokenTrust(config, client), clock),
    administrators: await openAdministrators(config, client, clock),
    events: createEvents(logger, metrics, () => sessions.size),
    metrics,
    random,
    clock,
    bodyLimitBytes: Math.floor(config.http_server.payload_request_size * 1024 * 1024),
    tls: await openTls(config),
  };
}

function openStore(config: TrusteeConfig, namespace: Namespace, type: StorageType): KeyValueStore {
  const { local_fs: localFs, local_json: localJson } = config.storage_backend.backends;
  if (type === 'LocalFs' && localFs !== undefined) return createLocalFsStore(join(localFs.dir_path, namespace));
  if (type === 'LocalJson' && localJson !== undefined) {
    return createLocalJsonStore(join(localJson.file_dir_path, namespace));
  }
  return createMemoryStore();
}

async function openVerifiers(
  { attestation_service: service, holdfast }: TrusteeConfig,
  client: Pick<HttpClient, 'send'>,
  clock: Clock,
): Promise<ReadonlyMap<string, EvidenceVerifier>> {
  const issuerFiles = await Promise.all(holdfast.snp_issuer_files.map(readText));
  const issuers = issuerFiles.flatMap((pem) => parseCertificates(pem));
  const rootFile = holdfast.simulated_root_file;
  const roots = rootFile === undefined ? amdRoots : [...amdRoots, simulatedRoot(await readText(rootFile))];
  const trust = createSnpTrust({ roots, issuers, allowedCspIds: holdfast.allowed_csp_ids, clock });
  const sources = service.verifier_config.snp_verifier.vcek_sources.map((source) =>
    source.type === 'KDS' ? { type: source.type, baseUrl: source.base_url.replace(/\/+$/, '') } : source,
  );
  const certificates = createSnpCertificates({ sources, issuers, client, clock });
  const verifiers = new Map<string, EvidenceVerifier>([
    ['snp', createSnpVerifier(trust, certificates)],
    ['az-snp-vtpm', createAzureSnpVtpmVerifier(trust, certificates)],
  ]);
  if (holdfast.allow_sample) {
    verifiers.set('sample', createSampleVerifier('cpu'));
    verifiers.set('sampledevice', createSampleVerifier('gpu'));
  }
  return verifiers;
}

async function openSigner({ attestation_service: service }: TrusteeConfig, logger: Logger): Promise<EarSigner> {
  const { signer } = service.attestation_token_broker;
  if (signer === undefined) {
    logger.warn(
      {},
      'attestation tokens are signed with a key of this process: name a signer for other relying parties',
    );
    return createEarSigner(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey);
  }
  const key = createPrivateKey(await readText(signer.key_path));
  const chain = signer.cert_path === undefined ? undefined : certificatesOf(await readText(signer.cert_path));
  return createEarSigner(key, {
    ...(chain === undefined ? {} : { chain: chain.map((certificate) => certificate.raw) }),
    ...(signer.cert_url === undefined ? {} : { url: signer.cert_url }),
  });
}

async function openTokenTrust(
  { attestation_token: token }: TrusteeConfig,
  client: Pick<HttpClient, 'send'>,
): Promise<TokenTrust> {
  const keys = new Map<string, { readonly key: KeyObject; readonly algorithm: string }>();
  for (const uri of token.trusted_jwk_sets) {
    for (const [kid, jwk] of await keysOfSet(uri, client)) keys.set(kid, keyOfJwk(jwk));
  }
  const files = await Promise.all(token.trusted_certs_paths.map(readText));
  return {
    keys,
    certificates: files.flatMap((pem) => certificatesOf(pem)),
    insecureHeaderKey: token.insecure_header_jwk,
    extraTeeKeyPaths: token.extra_teekey_paths,
  };
}

async function openAdministrators(
  { admin }: TrusteeConfig,
  client: Pick<HttpClient, 'send'>,
  clock: Clock,
): Promise<Administrators> {
  if (admin.authorization_mode === 'InsecureAllowAll') return allowEveryone;
  if (admin.authorization_mode === 'DenyAll') return denyEveryone;
  const configured = admin.authentication?.bearer_jwt.identity_providers ?? [];
  const providers = await Promise.all(
    configured.map(async ({ issuer, audience, public_key_uri: keyUri, jwk_set_uri: setUri }) => {
      const keys: AdminKey[] = [];
      if (keyUri !== undefined) keys.push({ key: createPublicKey(await readUri(keyUri, client)) });
      if (setUri !== undefined) {
        for (const [, jwk] of await keysOfSet(setUri, client)) keys.push(adminKey(jwk));
      }
      return { issuer, audience, keys };
    }),
  );
  const rules = (admin.authorization?.regex_acl.acls ?? []).map(({ role, allowed_endpoints: pattern }) => ({
    role,
    allowedEndpoints: pattern,
  }));
  return createAdministrators(providers, rules, clock);
}

function adminKey(jwk: JsonObject): AdminKey {
  const algorithm = member(jwk, 'alg');
  const key = createPublicKey({ key: jwk, format: 'jwk' });
  return { key, ...(typeof algorithm === 'string' ? { algorithm } : {}) };
}

async function keysOfSet(
  uri: string,
  client: Pick<HttpClient, 'send'>,
): Promise<readonly (readonly [string, JsonObject])[]> {
  const direct = keysIn(await readUri(uri, client));
  if (direct.length > 0 || !uri.startsWith('https://')) return direct;
  const metadata = parseJsonObject(
    await readUri(`${uri.replace(/\/+$/, '')}/.well-known/openid-configuration`, client),
    'TRUSTEE_CONFIG_INVALID',
  );
  const keysUri = member(metadata, 'jwks_uri');
  return typeof keysUri === 'string' && keysUri.startsWith('https://') ? keysIn(await readUri(keysUri, client)) : [];
}

function keysIn(text: string): readonly (readonly [string, JsonObject])[] {
  let keys: JsonValue | undefined;
  try {
    keys = member(parseJsonObject(text, 'TRUSTEE_CONFIG_INVALID'), 'keys');
  } catch {
    return []; // no key set: the metadata of the issuer may name one
  }
  if (!Array.isArray(keys)) return [];
  return (keys as readonly JsonValue[]).flatMap((jwk, at): (readonly [string, JsonObject])[] => {
    if (!isJsonObject(jwk)) return [];
    const kid = member(jwk, 'kid');
    return [[typeof kid === 'string' ? kid : `#${at}`, jwk]];
  });
}

async function readUri(uri: string, client: Pick<HttpClient, 'send'>): Promise<string> {
  if (!uri.startsWith('https://')) return readText(uri.startsWith('file://') ? fileURLToPath(uri) : uri);
  const { status, body } = await client.send({ url: uri, timeoutMs: FETCH_TIMEOUT_MS, maxBytes: 1024 * 1024 });
  return status === 200 ? fromUtf8(body) : '';
}

async function openTls({ http_server: server }: TrusteeConfig): Promise<TlsSettings | undefined> {
  if (server.insecure_http || server.private_key === undefined || server.certificate === undefined) return undefined;
  const lowest = server.tls_min_version ?? (server.tls_profile === 'modern' ? '1.3' : '1.2');
  return {
    key: await readText(server.private_key),
    cert: await readText(server.certificate),
    minVersion: `TLSv${lowest}`,
    ...(server.tls_max_version === undefined ? {} : { maxVersion: `TLSv${server.tls_max_version}` }),
    ...(server.tls_ciphers === undefined ? {} : { ciphers: server.tls_ciphers }),
    ...(server.tls_groups === undefined ? {} : { ecdhCurve: server.tls_groups }),
  };
}

function certificatesOf(pem: string): readonly X509Certificate[] {
  return parseCertificates(pem).map((certificate) => new X509Certificate(certificate.der));
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new ConfigError('TRUSTEE_CONFIG_INVALID', [`cannot read ${file}: ${errorMessage(cause)}`], {
      cause,
      action: 'Check the path and the permissions of the file.',
    });
  }
}
