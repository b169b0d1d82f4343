import { createPrivateKey, createPublicKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';

import { ConfigError, errorMessage, PlatformError } from '@holdfast/base';
import type { Clock, RandomBytes } from '@holdfast/base';
import type { HttpClient } from '@holdfast/http';
import { createPodTerminationMonitor } from '@holdfast/process';
import type { Logger } from '@holdfast/process';
import { openObjectStore } from '@holdfast/storage';
import type { ObjectStore } from '@holdfast/storage';
import {
  AuthorizableStore,
  deriveAttestationTokenKey,
  parseCloudEncryptionKeys,
  parseEnclaves,
  parseJwtPublicKeys,
  parseOperators,
} from '@holdfast/uid2';
import type { CloudEncryptionKey, OperatorRecord } from '@holdfast/uid2';
import type { Registry } from 'prom-client';

import { AllowList } from './allow-list.ts';
import { AWS_NITRO, createAwsNitroVerifier } from './attestation/aws-nitro.ts';
import { AZURE_CC, createAzureCcVerifier } from './attestation/azure-cc.ts';
import { createGcpOidcVerifier, GCP_OIDC } from './attestation/gcp-oidc.ts';
import { createMaaKeys } from './attestation/maa-keys.ts';
import type { MaaKeys } from './attestation/maa-keys.ts';
import { trustedVerifier } from './attestation/trusted.ts';
import type { EvidenceVerifier } from './attestation/verifier.ts';
import type { CoreConfig } from './config.ts';
import { createEvents } from './events.ts';
import type { CoreEvents } from './events.ts';
import { createPolledStore } from './polled-store.ts';
import type { PolledStore } from './polled-store.ts';

export interface CoreContext {
  readonly config: CoreConfig;
  readonly clock: Clock;
  readonly randomBytes: RandomBytes;
  readonly objects: ObjectStore;
  readonly operators: AuthorizableStore<OperatorRecord>;
  /** By site id; replaced as a whole. */
  readonly cloudEncryptionKeys: () => readonly CloudEncryptionKey[];
  readonly verifiers: ReadonlyMap<string, EvidenceVerifier>;
  readonly attestationTokenKey: KeyObject;
  /** Undefined: no JWTs are issued. */
  readonly jwtSigningKey: KeyObject | undefined;
  readonly jwtPublicKeys: readonly KeyObject[];
  readonly events: CoreEvents;
  /** What keeps Core from being healthy, one `component: reason` each; none when it is. */
  healthProblems(): Promise<readonly string[]>;
  /**
   * Reads operators, enclaves and, if there are any, cloud encryption keys. Must succeed once before anybody is served.
   * @throws PlatformError of the first store that cannot be read; the others have been tried too
   */
  loadSeeds(): Promise<void>;
  /** Reads the same again; what fails is logged and stays as it is. */
  refreshSeeds(): Promise<void>;
}

export interface CoreDependencies {
  readonly config: CoreConfig;
  readonly logger: Logger;
  readonly metrics: Registry;
  readonly http: HttpClient;
  readonly clock: Clock;
  readonly randomBytes: RandomBytes;
  /** Further verifiers, or replacements, by protocol name. */
  readonly verifiers?: Readonly<Record<string, EvidenceVerifier>>;
}

const MIN_RSA_BITS = 2048;

/**
 * Wires everything a Core needs. Reads key files, but no seeds yet.
 * @throws ConfigError LINK_KEY_UNUSABLE, CORE_JWT_KEY_UNUSABLE
 */
export function createContext(dependencies: CoreDependencies): CoreContext {
  const { config, clock } = dependencies;
  const events = createEvents(dependencies.logger, dependencies.metrics);
  const objects = openObjectStore(config, { linkBaseUrl: config.link_base_url ?? config.core_public_url, clock });
  const operators = new AuthorizableStore<OperatorRecord>();
  const allowList = new AllowList();
  let cloudEncryptionKeys: readonly CloudEncryptionKey[] = [];

  const required = [
    createPolledStore({
      name: 'operators',
      objects,
      metadataPath: config.operators_metadata_path,
      member: 'operators',
      parse: parseOperators,
      apply: (records) => operators.replace(records),
    }),
    createPolledStore({
      name: 'enclaves',
      objects,
      metadataPath: config.enclaves_metadata_path,
      member: 'enclaves',
      parse: parseEnclaves,
      apply: (records) => allowList.replace(records),
    }),
  ];
  const optional = createPolledStore({
    name: 'cloud_encryption_keys',
    objects,
    metadataPath: config.cloud_encryption_keys_metadata_path,
    member: 'cloud_encryption_keys',
    parse: parseCloudEncryptionKeys,
    apply: (keys) => {
      cloudEncryptionKeys = keys;
    },
  });

  const refresh = async (store: PolledStore): Promise<void> => {
    if (await store.refresh()) events.seedLoaded(store.name, store.version ?? 0);
  };
  const refreshOptional = async (): Promise<void> => {
    if (await objects.exists(config.cloud_encryption_keys_metadata_path)) await refresh(optional);
  };
  const stores = [...required, optional];
  const attempts = [...required.map((store) => () => refresh(store)), refreshOptional];
  const isTerminating = createPodTerminationMonitor({
    clock,
    intervalMs: config.pod_termination_check_interval,
  });

  const jwtSigningKey = readSigningKey(config.jwt_signing_key_file);
  return {
    config,
    clock,
    randomBytes: dependencies.randomBytes,
    objects,
    operators,
    cloudEncryptionKeys: () => cloudEncryptionKeys,
    verifiers: createVerifiers(dependencies, allowList),
    attestationTokenKey: deriveAttestationTokenKey(
      config.att_token_enc_key.reveal(),
      config.att_token_enc_salt.reveal(),
    ),
    jwtSigningKey,
    jwtPublicKeys: [
      ...(jwtSigningKey === undefined ? [] : [createPublicKey(jwtSigningKey)]),
      ...config.jwt_public_key_files.map((file) => readRsaKey(file, createPublicKey)),
      ...parseJwtPublicKeys(config.aws_kms_jwt_signing_public_keys, (position) => events.publicKeyUnreadable(position)),
    ],
    events,
    async healthProblems() {
      const problems = required
        .filter(({ version }) => version === undefined)
        .map(({ name, failure }) => `${name}-rotator: ${reasonOf(failure)}`);
      if (await isTerminating()) problems.push('PodTerminationMonitor: pod is terminating');
      return problems;
    },
    async loadSeeds() {
      const outcomes = await Promise.allSettled(attempts.map((attempt) => attempt()));
      const failed = outcomes.find((outcome) => outcome.status === 'rejected');
      if (failed !== undefined) throw failed.reason;
    },
    async refreshSeeds() {
      for (const [index, attempt] of attempts.entries()) {
        try {
          await attempt();
        } catch (error) {
          events.seedUnreadable(stores[index]?.name ?? '', error);
        }
      }
    },
  };
}

/** What a person can act on, without what only the log should hold. */
function reasonOf(failure: unknown): string {
  if (failure === undefined) return 'not loaded yet';
  return failure instanceof PlatformError ? `${failure.code}: ${failure.message}` : 'internal error';
}

function createVerifiers(dependencies: CoreDependencies, allowList: AllowList): ReadonlyMap<string, EvidenceVerifier> {
  const { config, clock, http } = dependencies;
  const { core_public_url: corePublicUrl, minimum_tcb: tcb } = config;
  const keysAt = (url: string): MaaKeys => createMaaKeys({ url, http, clock, timeoutMs: config.maa_timeout_ms });
  const azureCc = createAzureCcVerifier({
    corePublicUrl,
    allowList,
    token: {
      issuer: config.maa_server_base_url,
      keys: keysAt(`${config.maa_server_base_url}/certs`),
      clock,
      trustSimulatedRoot: config.trust_simulated_root,
    },
    ...(config.minimum_endorsement_svn === undefined ? {} : { minimumEndorsementSvn: config.minimum_endorsement_svn }),
    ...(tcb === undefined
      ? {}
      : {
          minimumTcb: {
            bootloader: tcb.bootloader,
            tee: tcb.tee,
            snpFirmware: tcb.snp_firmware,
            microcode: tcb.microcode,
          },
        }),
  });
  return new Map<string, EvidenceVerifier>([
    ['trusted', trustedVerifier],
    [AZURE_CC, azureCc],
    [AWS_NITRO, createAwsNitroVerifier({ corePublicUrl, allowList, clock })],
    [GCP_OIDC, createGcpOidcVerifier({ corePublicUrl, allowList, clock, keys: keysAt(config.gcp_signer_keys_url) })],
    ...Object.entries(dependencies.verifiers ?? {}),
  ]);
}

function readSigningKey(file: string | undefined): KeyObject | undefined {
  return file === undefined ? undefined : readRsaKey(file, createPrivateKey);
}

function readRsaKey(file: string, parse: (pem: string) => KeyObject): KeyObject {
  try {
    const key = parse(readFileSync(file, 'utf8'));
    if (key.asymmetricKeyType !== 'rsa' || (key.asymmetricKeyDetails?.modulusLength ?? 0) < MIN_RSA_BITS) {
      throw unusableKey(`${file} does not hold an RSA key of ${MIN_RSA_BITS} bits or more`);
    }
    return key;
  } catch (cause) {
    if (cause instanceof PlatformError) throw cause;
    throw unusableKey(`cannot read the key ${file}: ${errorMessage(cause)}`, cause);
  }
}

function unusableKey(problem: string, cause?: unknown): ConfigError {
  return new ConfigError('CORE_JWT_KEY_UNUSABLE', [problem], {
    ...(cause === undefined ? {} : { cause }),
    action: 'Write an RSA key in PEM (PKCS#8 private, SPKI public) to the named file.',
  });
}
