import { createPrivateKey, generateKeyPairSync } from 'node:crypto';

import type { ServiceDefinition } from '@grpc/grpc-js';
import { amdRoots, createEarSigner, parseCertificates, simulatedRoot } from '@holdfast/attestation';
import type { EarSigner } from '@holdfast/attestation';
import type { Clock } from '@holdfast/base';
import type { HttpClient } from '@holdfast/http';
import type { Logger } from '@holdfast/process';

import { createAttestationService } from '../appraisal/attestation-service.ts';
import type { AttestationService, BuiltInAttestation } from '../appraisal/attestation-service.ts';
import { PolicyStore } from '../appraisal/policy-store.ts';
import { createRemoteAttestationService } from '../appraisal/remote-attestation-service.ts';
import { referenceAddress } from '../config.ts';
import type { TrusteeConfig } from '../config-schema.ts';
import { GrpcCaller } from '../grpc/caller.ts';
import { attestationServiceDefinition, referenceValueServiceDefinition } from '../grpc/definitions.ts';
import { defaultAttestationPolicies } from '../policies/attestation-policies.ts';
import { createReferenceValues } from '../reference-values/reference-value-service.ts';
import type { ReferenceValues } from '../reference-values/reference-value-service.ts';
import { createRemoteReferenceValues } from '../reference-values/remote-reference-values.ts';
import { createAzureSnpVtpmVerifier } from '../verifiers/azure-snp-vtpm.ts';
import { createSampleVerifier } from '../verifiers/sample.ts';
import { createSnpCertificates } from '../verifiers/snp-certificates.ts';
import { createSnpTrust } from '../verifiers/snp-trust.ts';
import { createSnpVerifier } from '../verifiers/snp.ts';
import type { EvidenceVerifier } from '../verifiers/verifier.ts';
import { certificatesOf, readText } from './files.ts';
import type { Storage } from './storage.ts';

export interface OpenAttestationOptions {
  readonly config: TrusteeConfig;
  readonly storage: Storage;
  readonly logger: Logger;
  readonly client: Pick<HttpClient, 'send'>;
  readonly clock: Clock;
}

/** Who judges evidence, and by which reference values. */
export interface Attestation {
  readonly service: AttestationService;
  /** The same, when it runs in this process. */
  readonly builtIn: BuiltInAttestation | undefined;
  readonly references: ReferenceValues;
  close(): void;
}

/** Attestation service and reference values, each in this process or, over gRPC, in another. */
export async function openAttestation(options: OpenAttestationOptions): Promise<Attestation> {
  const { config, storage, clock } = options;
  const { attestation_service: service, storage_backend: backend, holdfast } = config;
  const callers: GrpcCaller[] = [];
  const call = (address: string, definition: ServiceDefinition): GrpcCaller => {
    const caller = new GrpcCaller(address, definition);
    callers.push(caller);
    return caller;
  };
  const close = (): void => {
    for (const caller of callers) caller.close();
  };
  if (service.type === 'coco_as_grpc') {
    // The other service keeps the reference values as well, at the same address.
    return {
      service: createRemoteAttestationService(call(service.as_addr, attestationServiceDefinition)),
      builtIn: undefined,
      references: createRemoteReferenceValues(call(service.as_addr, referenceValueServiceDefinition)),
      close,
    };
  }
  const type = service.storage_type ?? backend.storage_type;
  const references =
    service.rvps_config.type === 'GrpcRemote'
      ? createRemoteReferenceValues(call(referenceAddress(config), referenceValueServiceDefinition))
      : createReferenceValues({
          store: storage.open('reference_value', service.rvps_config.storage_type ?? type),
          clock,
          enforceExpiration: holdfast.enforce_reference_expiration,
        });
  const policies = new PolicyStore(storage.open('attestation_service_policy', type));
  await policies.provide(defaultAttestationPolicies);
  const builtIn = await openBuiltIn(options, policies, references);
  return { service: builtIn, builtIn, references, close };
}

async function openBuiltIn(
  { config, logger, client, clock }: OpenAttestationOptions,
  policies: PolicyStore,
  references: ReferenceValues,
): Promise<BuiltInAttestation> {
  const broker = config.attestation_service.attestation_token_broker;
  return createAttestationService({
    verifiers: await openVerifiers(config, client, clock),
    policies,
    references,
    signer: await openSigner(config, logger),
    clock,
    settings: {
      durationMinutes: broker.duration_min,
      issuer: broker.issuer_name,
      profile: broker.profile_name,
      developer: broker.developer_name,
      build: broker.build_name,
      verbose: broker.verbose_token,
    },
  });
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
