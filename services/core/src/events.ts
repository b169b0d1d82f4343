import { errorMessage, PlatformError } from '@holdfast/base';
import type { Logger } from '@holdfast/process';
import type { OperatorRecord } from '@holdfast/uid2';
import { Counter, Gauge } from 'prom-client';
import type { Registry } from 'prom-client';

import type { Verdict } from './attestation/verifier.ts';

/** What refused a caller; the answer does not tell these apart. */
export type AccessRefusal = 'unrecognized_key' | 'key_disabled' | 'role' | 'attestation_token' | 'jwt';

/** Business facts of Core: each writes its log line and moves its metric. Nothing here sees a key or a token. */
export interface CoreEvents {
  attestDecided(operator: OperatorRecord, verdict: Verdict): void;
  attestRefusedEarly(operator: OperatorRecord, reason: string): void;
  attestFailed(operator: OperatorRecord, reason: string, error: unknown): void;
  accessRefused(path: string, operator: OperatorRecord | undefined, reason: AccessRefusal, error?: unknown): void;
  /** A JWT did not verify, but this Core does not insist. */
  jwtIgnored(path: string, operator: OperatorRecord, error: unknown): void;
  jwtNotIssued(operator: OperatorRecord, error: unknown): void;
  requestFailed(path: string, error: unknown): void;
  seedLoaded(store: string, version: number): void;
  seedUnreadable(store: string, error: unknown): void;
  /** Core does not serve yet. */
  seedsMissing(error: unknown, retryAfterMs: number): void;
  serving(url: string): void;
  publicKeyUnreadable(position: number): void;
}

export function createEvents(logger: Logger, metrics: Registry): CoreEvents {
  const registers = [metrics];
  const attests = new Counter({
    name: 'core_attest_total',
    help: 'Attestation decisions',
    labelNames: ['protocol', 'outcome'] as const,
    registers,
  });
  const refusals = new Counter({
    name: 'core_access_refused_total',
    help: 'Calls answered with 401',
    labelNames: ['reason'] as const,
    registers,
  });
  const failures = new Counter({ name: 'core_request_failed_total', help: 'Calls answered with 500', registers });
  const versions = new Gauge({
    name: 'core_seed_version',
    help: 'Version in use of a seed file that Core works with',
    labelNames: ['store'] as const,
    registers,
  });
  const seedFailures = new Counter({
    name: 'core_seed_unreadable_total',
    help: 'Failed attempts to read a seed file again',
    labelNames: ['store'] as const,
    registers,
  });

  return {
    attestDecided(operator, verdict) {
      const outcome = verdict.accepted ? 'accepted' : 'refused';
      attests.inc({ protocol: operator.protocol, outcome });
      const line = { ...identityOf(operator), outcome, enclaveId: verdict.enclaveId };
      if (verdict.accepted) logger.info(line, 'attestation accepted');
      else logger.warn({ ...line, failure: verdict.failure, reason: verdict.check }, 'attestation refused');
    },
    attestRefusedEarly(operator, reason) {
      attests.inc({ protocol: operator.protocol, outcome: 'refused' });
      logger.warn({ ...identityOf(operator), outcome: 'refused', reason }, 'attestation refused');
    },
    attestFailed(operator, reason, error) {
      attests.inc({ protocol: operator.protocol, outcome: 'failed' });
      logger.error({ ...identityOf(operator), outcome: 'failed', reason, ...causeOf(error) }, 'attestation failed');
    },
    accessRefused(path, operator, reason, error) {
      refusals.inc({ reason });
      const who = operator === undefined ? {} : identityOf(operator);
      logger.warn({ path, ...who, reason, ...causeOf(error) }, 'access refused');
    },
    jwtIgnored(path, operator, error) {
      logger.warn({ path, ...identityOf(operator), ...causeOf(error) }, 'operator JWT not valid, not enforced');
    },
    jwtNotIssued(operator, error) {
      logger.error({ ...identityOf(operator), ...causeOf(error) }, 'operator JWTs could not be issued');
    },
    requestFailed(path, error) {
      failures.inc();
      logger.error({ path, ...causeOf(error) }, 'request failed');
    },
    seedLoaded(store, version) {
      versions.set({ store }, version);
      logger.info({ store, version }, 'seed file loaded');
    },
    seedsMissing(error, retryAfterMs) {
      seedFailures.inc({ store: 'any' });
      logger.error(
        { ...causeOf(error), retryAfterMs },
        'seeds could not be read; the port stays closed until they are',
      );
    },
    serving(url) {
      logger.info({ url }, 'seeds are loaded; the port is open');
    },
    publicKeyUnreadable(position) {
      logger.error({ position }, 'a public key in aws_kms_jwt_signing_public_keys is not an RSA key; it is left out');
    },
    seedUnreadable(store, error) {
      seedFailures.inc({ store });
      logger.error({ store, ...causeOf(error) }, 'seed file could not be read; the last good one stays in use');
    },
  };
}

function identityOf(operator: OperatorRecord) {
  return {
    operator: operator.name,
    keyId: operator.keyId,
    siteId: operator.siteId,
    protocol: operator.protocol,
  };
}

function causeOf(error: unknown): { readonly code?: string; readonly problem?: string; readonly action?: string } {
  if (error === undefined) return {};
  if (!(error instanceof PlatformError)) return { problem: errorMessage(error) };
  const { code, action } = error;
  return { code, problem: error.message, ...(action === undefined ? {} : { action }) };
}
