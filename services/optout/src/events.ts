import { errorMessage, PlatformError } from '@holdfast/base';
import type { Logger } from '@holdfast/process';
import type { OperatorRecord } from '@holdfast/uid2';
import { Counter, Gauge } from 'prom-client';
import type { Registry } from 'prom-client';

import type { Production } from './opt-out-log.ts';

/** What refused a caller; the answer does not tell these apart. */
export type AccessRefusal = 'unrecognized_key' | 'key_disabled' | 'role' | 'attestation_token' | 'jwt';

/** Business facts of the opt-out service: each writes its log line and moves its metric. Nothing here sees an identity. */
export interface OptOutEvents {
  accepted(operator: OperatorRecord, queued: number): void;
  rejected(operator: OperatorRecord, reason: string): void;
  queueFull(operator: OperatorRecord, queued: number): void;
  queueFailed(error: unknown): void;
  accessRefused(path: string, operator: OperatorRecord | undefined, reason: AccessRefusal, error?: unknown): void;
  /** A JWT did not verify, but this service does not insist. */
  jwtIgnored(operator: OperatorRecord, error: unknown): void;
  produced(production: Production, queued: number): void;
  productionFailed(error: unknown): void;
  listingFailed(error: unknown): void;
  operatorsLoaded(count: number): void;
  operatorsFailed(error: unknown, first: boolean): void;
  attestationRenewalFailed(error: unknown): void;
  publicKeyUnreadable(position: number): void;
  requestFailed(path: string, error: unknown): void;
}

export function createEvents(logger: Logger, metrics: Registry): OptOutEvents {
  const registers = [metrics];
  const requests = new Counter({
    name: 'optout_replicate_total',
    help: 'Opt-outs sent by operators, by outcome',
    labelNames: ['outcome'] as const,
    registers,
  });
  const refusals = new Counter({
    name: 'optout_access_refused_total',
    help: 'Calls answered with 401',
    labelNames: ['reason'] as const,
    registers,
  });
  const queued = new Gauge({ name: 'optout_queue_size', help: 'Opt-outs waiting for a delta', registers });
  const deltas = new Counter({ name: 'optout_delta_files_total', help: 'Delta files written', registers });
  const records = new Counter({ name: 'optout_delta_records_total', help: 'Opt-outs written to deltas', registers });
  const failures = new Counter({
    name: 'optout_failure_total',
    help: 'Failures that were logged and will be tried again',
    labelNames: ['what'] as const,
    registers,
  });

  return {
    accepted(_operator, size) {
      requests.inc({ outcome: 'accepted' });
      queued.set(size);
    },
    rejected(operator, reason) {
      requests.inc({ outcome: 'rejected' });
      logger.warn({ ...identityOf(operator), reason }, 'opt-out refused');
    },
    queueFull(operator, size) {
      requests.inc({ outcome: 'queue_full' });
      logger.error({ ...identityOf(operator), queued: size }, 'opt-out refused: the queue is full');
    },
    queueFailed(error) {
      requests.inc({ outcome: 'failed' });
      logger.error(causeOf(error), 'opt-out could not be stored');
    },
    accessRefused(path, operator, reason, error) {
      refusals.inc({ reason });
      logger.warn(
        { path, ...(operator === undefined ? {} : identityOf(operator)), reason, ...causeOf(error) },
        'access refused',
      );
    },
    jwtIgnored(operator, error) {
      logger.warn({ ...identityOf(operator), ...causeOf(error) }, 'operator JWT not valid, not enforced');
    },
    produced(production, size) {
      queued.set(size);
      deltas.inc(production.files);
      records.inc(production.records);
      if (production.files > 0) logger.info({ ...production }, 'opt-outs written to the log');
      if (production.damagedEntries > 0) {
        logger.error(
          { damagedEntries: production.damagedEntries },
          'the queue held damaged entries: writes that a crash cut short, or a failing disk',
        );
      }
    },
    productionFailed(error) {
      failures.inc({ what: 'delta' });
      logger.error(causeOf(error), 'no delta could be written; the opt-outs stay in the queue');
    },
    listingFailed(error) {
      failures.inc({ what: 'listing' });
      logger.error(causeOf(error), 'the bucket could not be listed; the last listing stays in use');
    },
    operatorsLoaded(count) {
      logger.info({ count }, 'operators loaded');
    },
    operatorsFailed(error, first) {
      failures.inc({ what: 'operators' });
      const consequence = first ? 'nobody is served yet' : 'the last ones stay in use';
      logger.error(causeOf(error), `operators could not be loaded; ${consequence}`);
    },
    attestationRenewalFailed(error) {
      failures.inc({ what: 'attestation' });
      logger.error(causeOf(error), 'attestation at Core could not be renewed; it is tried again');
    },
    publicKeyUnreadable(position) {
      logger.error({ position }, 'a public key in aws_kms_jwt_signing_public_keys is not an RSA key; it is left out');
    },
    requestFailed(path, error) {
      failures.inc({ what: 'request' });
      logger.error({ path, ...causeOf(error) }, 'request failed');
    },
  };
}

function identityOf(operator: OperatorRecord) {
  return { operator: operator.name, keyId: operator.keyId, siteId: operator.siteId };
}

function causeOf(error: unknown): { readonly code?: string; readonly problem?: string; readonly action?: string } {
  if (error === undefined) return {};
  if (!(error instanceof PlatformError)) return { problem: errorMessage(error) };
  const { code, action } = error;
  return { code, problem: error.message, ...(action === undefined ? {} : { action }) };
}
