import { randomBytes } from 'node:crypto';

import type { Clock } from '@holdfast/base';
import { createMetricsRegistry } from '@holdfast/http';
import type { HttpClient } from '@holdfast/http';
import type { Logger } from '@holdfast/process';

import { PolicyStore } from './appraisal/policy-store.ts';
import type { TrusteeConfig } from './config-schema.ts';
import type { TrusteeContext } from './context.ts';
import { createEvents } from './events.ts';
import { createTokenVerifier } from './kbs/token-verifier.ts';
import { openAttestation } from './open/attestation.ts';
import { openStorage } from './open/storage.ts';
import type { Storage } from './open/storage.ts';
import { openTls } from './open/tls.ts';
import { openAdministrators, openTokenTrust } from './open/trust.ts';
import { defaultResourcePolicy } from './policies/resource-policies.ts';

export interface OpenContextOptions {
  readonly config: TrusteeConfig;
  readonly logger: Logger;
  readonly client: Pick<HttpClient, 'send'>;
  readonly clock: Clock;
}

/** Reads everything the configuration names and puts the parts together. */
export async function openContext(options: OpenContextOptions): Promise<TrusteeContext> {
  const storage = await openStorage(options.config);
  try {
    return await assemble(options, storage);
  } catch (error) {
    // An open connection would keep the process from ending.
    storage.close();
    throw error;
  }
}

async function assemble(
  { config, logger, client, clock }: OpenContextOptions,
  storage: Storage,
): Promise<TrusteeContext> {
  const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));
  const { attestation_service: service, storage_backend: backend, http_server: server, holdfast, plugins } = config;
  const metrics = createMetricsRegistry('trustee');
  const sessions = storage.sessions({
    clock,
    random,
    lifetimeMs: service.timeout * 60_000,
    maxSessions: holdfast.max_sessions,
  });
  const attestation = await openAttestation({ config, storage, logger, client, clock });
  const resourcePolicies = new PolicyStore(storage.open('kbs', backend.storage_type));
  await resourcePolicies.provide({ 'resource-policy.rego': defaultResourcePolicy });
  const isLoaded = (name: string): boolean => plugins.some((plugin) => plugin.name === name);
  return {
    attestation: attestation.service,
    builtIn: attestation.builtIn,
    references: attestation.references,
    sessions,
    resourcePolicies,
    resources: isLoaded('resource') ? storage.open('repository', backend.storage_type) : undefined,
    samplePlugin: isLoaded('sample'),
    attestationApiWrites: holdfast.attestation_api_writes,
    verifyToken: createTokenVerifier(await openTokenTrust(config, client), clock),
    administrators: await openAdministrators(config, client, clock),
    events: createEvents(logger, metrics, () => sessions.count()),
    metrics,
    random,
    clock,
    bodyLimitBytes: Math.floor(server.payload_request_size * 1024 * 1024),
    tls: await openTls(config),
    close: () => {
      attestation.close();
      storage.close();
    },
  };
}
