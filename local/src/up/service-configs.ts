import type { HomeLayout } from '../home/home-layout.ts';
import type { OpenedHome } from '../home/open-home.ts';
import type { LocalPorts } from './ports.ts';

/** Base URLs of the parts of one local cloud, without trailing slashes. */
export interface LocalAddresses {
  readonly operator: string;
  readonly metrics: string;
  readonly core: string;
  readonly optout: string;
  readonly attestation: string;
  readonly authority: string;
  readonly vault: string;
  readonly virtualNode: string;
  readonly arm: string;
  readonly kubernetes: string;
}

export function localAddresses(ports: LocalPorts): LocalAddresses {
  const http = (port: number): string => `http://127.0.0.1:${port}`;
  const https = (port: number): string => `https://127.0.0.1:${port}`;
  return {
    operator: http(ports.operator),
    metrics: http(ports.metrics),
    core: http(ports.core),
    optout: http(ports.optout),
    attestation: https(ports.attestation),
    authority: https(ports.authority),
    vault: https(ports.vault),
    virtualNode: http(ports.virtualNode),
    arm: https(ports.arm),
    kubernetes: https(ports.kubernetes),
  };
}

export type ServiceConfig = Readonly<Record<string, unknown>>;

/** Loopback, any free metrics port, and an environment that may trust the test root. */
const COMMON = { host: '127.0.0.1', metrics_port: 0, environment: 'integ' };

export interface ServiceConfigOptions {
  readonly layout: HomeLayout;
  readonly ports: LocalPorts;
  readonly home: OpenedHome;
  readonly attestationTls: { readonly keyFile: string; readonly certificateFile: string };
}

/** Trusts the simulated platform of this home, by name, beside the roots of real hardware. */
export function attestationConfig(options: ServiceConfigOptions): ServiceConfig {
  const { layout, ports, home, attestationTls } = options;
  const { uvmTrust, kata } = home.platform;
  return {
    ...COMMON,
    port: ports.attestation,
    issuer: localAddresses(ports).attestation,
    tls_key_file: attestationTls.keyFile,
    tls_certificate_file: attestationTls.certificateFile,
    signing_key_file: layout.attestationSigningKey,
    signing_certificate_file: layout.attestationSigningCertificate,
    simulated_root_file: layout.platformRootFile,
    simulated_uvm_endorsers: [uvmTrust, kata.uvmTrust].map(({ issuer, feed, minimumSvn, complianceStatus }) => ({
      issuer,
      feed,
      minimum_svn: minimumSvn,
      ...(complianceStatus === undefined ? {} : { status: complianceStatus }),
    })),
  };
}

export function coreConfig(options: ServiceConfigOptions): ServiceConfig {
  const { layout, ports, home } = options;
  const addresses = localAddresses(ports);
  return {
    ...COMMON,
    port: ports.core,
    storage_folder: layout.coreBucket,
    link_signing_key_file: layout.coreLinkKey,
    jwt_signing_key_file: layout.jwtSigningKey,
    att_token_enc_key: home.attestationToken.key,
    att_token_enc_salt: home.attestationToken.salt,
    core_public_url: addresses.core,
    optout_url: addresses.optout,
    maa_server_base_url: addresses.attestation,
    trust_simulated_root: true,
    enforceJwt: true,
    // A change of operators or enclaves in the bucket counts within seconds.
    allow_list_poll_seconds: 2,
  };
}

export function optoutConfig(options: ServiceConfigOptions): ServiceConfig {
  const { layout, ports, home } = options;
  const addresses = localAddresses(ports);
  return {
    ...COMMON,
    port: ports.optout,
    storage_folder: layout.optoutBucket,
    optout_data_dir: layout.optoutQueue,
    optout_s3_folder: 'optout/',
    link_signing_key_file: layout.optoutLinkKey,
    jwt_public_key_files: [layout.jwtPublicKey],
    enforceJwt: true,
    att_token_enc_key: home.attestationToken.key,
    att_token_enc_salt: home.attestationToken.salt,
    core_attest_url: `${addresses.core}/attest`,
    core_api_token: home.credentials.optoutServiceKey,
    operators_metadata_path: `${addresses.core}/operators/refresh`,
    core_public_url: addresses.core,
    optout_url: addresses.optout,
    // An opt-out is in a delta file within seconds, and reaches the operator at its next sync.
    optout_delta_rotate_interval: 5,
    cloud_refresh_interval: 2,
    operators_refresh_ms: 2000,
  };
}
