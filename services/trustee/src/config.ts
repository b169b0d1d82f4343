import { readFileSync } from 'node:fs';

import { ConfigError, errorMessage } from '@holdfast/base';
import type { ServiceHost } from '@holdfast/process';
import { parse as parseToml } from 'smol-toml';
import { parse as parseYaml } from 'yaml';

import { configSchema } from './config-schema.ts';
import type { StorageType, TrusteeConfig } from './config-schema.ts';

export { configSchema };

/**
 * Reads the configuration file that `--config` or `KBS_CONFIG_FILE` names: YAML when the name ends in `.yaml` or
 * `.yml`, else JSON when it begins with a brace, else TOML.
 * @throws ConfigError TRUSTEE_CONFIG_UNREADABLE, TRUSTEE_CONFIG_INVALID with every problem
 */
export function readConfig(host: Pick<ServiceHost, 'env' | 'configFile'>): TrusteeConfig {
  const file = host.configFile ?? host.env['KBS_CONFIG_FILE'];
  if (file === undefined) {
    throw new ConfigError('TRUSTEE_CONFIG_UNREADABLE', ['there is no configuration file'], {
      action: 'Name one with --config or KBS_CONFIG_FILE.',
    });
  }
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw unreadable(file, cause);
  }
  return parseConfig(text, file);
}

/** @param file for messages; the ending of the name says whether it is YAML */
export function parseConfig(text: string, file: string): TrusteeConfig {
  let value: unknown;
  try {
    value = readSettings(text, file);
  } catch (cause) {
    throw unreadable(file, cause);
  }
  const parsed = configSchema.safeParse(value);
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => `${issue.path.join('.') || 'configuration'}: ${issue.message}`);
    throw invalid(problems);
  }
  const problems = contradictions(parsed.data);
  if (problems.length > 0) throw invalid(problems);
  return parsed.data;
}

function readSettings(text: string, file: string): unknown {
  if (/\.ya?ml$/i.test(file)) return parseYaml(text);
  return text.trimStart().startsWith('{') ? JSON.parse(text) : parseToml(text);
}

function contradictions(config: TrusteeConfig): readonly string[] {
  return [
    ...serverProblems(config),
    ...adminProblems(config),
    ...attestationProblems(config),
    ...storageProblems(config),
    ...pluginProblems(config),
  ];
}

function serverProblems({ http_server: server, holdfast }: TrusteeConfig): readonly string[] {
  const problems: string[] = [];
  if (!server.insecure_http && (server.private_key === undefined || server.certificate === undefined)) {
    problems.push('http_server: private_key and certificate are needed unless insecure_http is true');
  }
  if (server.tls_min_version === '1.3' && server.tls_max_version === '1.2') {
    problems.push('http_server: tls_min_version is above tls_max_version');
  }
  for (const socket of [
    ...server.sockets,
    ...holdfast.admin_sockets,
    ...holdfast.attestation_api_sockets,
    ...holdfast.attestation_grpc_sockets,
  ]) {
    if (!/^.+:[0-9]{1,5}$/.test(socket)) problems.push(`sockets: "${socket}" is no address with a port`);
  }
  return problems;
}

function adminProblems({ admin, holdfast }: TrusteeConfig): readonly string[] {
  if (admin.authorization_mode === 'InsecureAllowAll') {
    return holdfast.insecure ? [] : ['admin.authorization_mode: InsecureAllowAll needs holdfast.insecure = true'];
  }
  if (admin.authorization_mode === 'DenyAll') return [];
  const problems: string[] = [];
  if (admin.authentication === undefined) problems.push('admin.authentication: missing');
  if (admin.authorization === undefined) problems.push('admin.authorization: missing');
  for (const provider of admin.authentication?.bearer_jwt.identity_providers ?? []) {
    if (provider.public_key_uri === undefined && provider.jwk_set_uri === undefined) {
      problems.push('admin.authentication: an identity provider has neither public_key_uri nor jwk_set_uri');
    }
  }
  for (const { role, allowed_endpoints: pattern } of admin.authorization?.regex_acl.acls ?? []) {
    if (!pattern.startsWith('^/kbs') || !pattern.endsWith('$')) {
      problems.push(`admin.authorization: the expression of role ${role} has to begin with ^/kbs and end with $`);
    }
  }
  return problems;
}

function attestationProblems(config: TrusteeConfig): readonly string[] {
  const { attestation_service: service, attestation_token: token, holdfast } = config;
  const problems: string[] = [];
  if (service.type === 'intel_ta') {
    problems.push('attestation_service.type: intel_ta is not built; coco_as_builtin and coco_as_grpc are');
  }
  const offered = [...holdfast.attestation_api_sockets, ...holdfast.attestation_grpc_sockets];
  if (service.type === 'coco_as_grpc' && offered.length > 0) {
    problems.push('holdfast.attestation_api_sockets, attestation_grpc_sockets: the attestation service is another one');
  }
  if (service.rvps_config.type === 'GrpcRemote' && !isTrustedAddress(referenceAddress(config), holdfast.insecure)) {
    problems.push(
      'attestation_service.rvps_config.address: anybody in between could change reference values; use https',
    );
  }
  if (token.insecure_header_jwk && !holdfast.insecure) {
    problems.push('attestation_token.insecure_header_jwk: needs holdfast.insecure = true');
  }
  if (!token.insecure_header_jwk && token.trusted_jwk_sets.length === 0 && token.trusted_certs_paths.length === 0) {
    problems.push('attestation_token: no token could be verified: name trusted_certs_paths or trusted_jwk_sets');
  }
  if (token.trusted_jwk_sets.some((uri) => uri.startsWith('http://'))) {
    problems.push('attestation_token.trusted_jwk_sets: http is refused, use https or a file');
  }
  if (holdfast.environment === 'prod' && holdfast.simulated_root_file !== undefined) {
    problems.push('holdfast.simulated_root_file: environment prod trusts no simulated root');
  }
  if (holdfast.environment === 'prod' && holdfast.allow_sample) {
    problems.push('holdfast.allow_sample: environment prod accepts no sample evidence');
  }
  return problems;
}

function storageProblems(config: TrusteeConfig): readonly string[] {
  const { backends } = config.storage_backend;
  const used = new Set<StorageType | undefined>([
    config.storage_backend.storage_type,
    config.attestation_service.storage_type,
    config.attestation_service.rvps_config.storage_type,
  ]);
  const problems: string[] = [];
  if (used.has('Postgres')) {
    problems.push('storage_backend.storage_type: Postgres is not built; use Redis, or LocalFs on a shared volume');
  }
  if (used.has('LocalFs') && backends.local_fs === undefined) {
    problems.push('storage_backend.backends.local_fs: missing, while LocalFs is used');
  }
  if (used.has('LocalJson') && backends.local_json === undefined) {
    problems.push('storage_backend.backends.local_json: missing, while LocalJson is used');
  }
  const sessions = sessionStorage(config);
  if (sessions !== 'Memory' && sessions !== 'Redis') {
    problems.push(`session_storage_type: sessions are kept in Memory or in Redis, not in ${sessions}`);
  }
  if (used.has('Redis') || sessions === 'Redis') problems.push(...redisProblems(config));
  return problems;
}

/** What Trustee has and this broker has not, by name: a guest would only see that the plugin is not found. */
const PLUGINS_NOT_BUILT: ReadonlySet<string> = new Set(['external', 'nebula-ca', 'pkcs11', 'provisioner']);

function pluginProblems({ plugins }: TrusteeConfig): readonly string[] {
  return plugins.flatMap(({ name, storage_backend_type: backend }, at) => {
    const place = `plugins.${at}`;
    if (PLUGINS_NOT_BUILT.has(name)) return [`${place}.name: the plugin ${name} is not built; resource and sample are`];
    if (name !== 'resource' && name !== 'sample') return [`${place}.name: there is no plugin "${name}"`];
    if (backend === 'kvstorage') return [];
    return [`${place}.storage_backend_type: ${backend} is not built; kvstorage keeps resources in storage_backend`];
  });
}

/** Where reference values of another process are, as a URL; plain addresses are unencrypted. */
export function referenceAddress({ attestation_service: { rvps_config: rvps } }: TrusteeConfig): string {
  return /^https?:\/\//.test(rvps.address) ? rvps.address : `http://${rvps.address}`;
}

/** Encrypted, or on this machine. */
function isTrustedAddress(address: string, insecure: boolean): boolean {
  if (!URL.canParse(address)) return false;
  const { protocol, hostname } = new URL(address);
  const isHere = /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname);
  return protocol === 'rediss:' || protocol === 'https:' || isHere || insecure;
}

/** Where sessions are kept. Files would be read and written twice per handshake, so with those they stay in the process. */
export function sessionStorage(config: TrusteeConfig): StorageType {
  return config.session_storage_type ?? (config.storage_backend.storage_type === 'Redis' ? 'Redis' : 'Memory');
}

function redisProblems({ storage_backend: { backends }, holdfast }: TrusteeConfig): readonly string[] {
  const { redis } = backends;
  if (redis === undefined) return ['storage_backend.backends.redis: missing, while Redis is used'];
  if (!URL.canParse(redis.url)) return ['storage_backend.backends.redis.url: is no URL'];
  if (isTrustedAddress(redis.url, holdfast.insecure)) return [];
  return ['storage_backend.backends.redis.url: resources and tokens would pass unencrypted; use rediss'];
}

function unreadable(file: string, cause: unknown): ConfigError {
  return new ConfigError('TRUSTEE_CONFIG_UNREADABLE', [`cannot read ${file}: ${errorMessage(cause)}`], {
    cause,
    action: 'Write the settings as TOML, as one JSON object, or as YAML in a file whose name ends in .yaml.',
  });
}

function invalid(problems: readonly string[]): ConfigError {
  return new ConfigError('TRUSTEE_CONFIG_INVALID', problems, {
    action: 'Correct the named members of the configuration file.',
  });
}
