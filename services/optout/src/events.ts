import { errorMessage, PlatformError } from '@holdfast/base';
import type { Logger } from '@holdfast/process';
import type { OperatorRecord } from '@holdfast/uid2';
import { Counter, Gauge } from 'prom-client';
import type { Registry } from 'prom-client';

import type { Production } from './delta-production.ts';
import type { PartitionProduced } from './partition-production.ts';

/** What refused a caller; the answer does not tell these apart. */
export type AccessRefusal = 'unrecognized_key' | 'key_disabled' | 'role' | 'attestation_token' | 'jwt';

/** Reasons for which a person has to act before production goes on. */
const HALTED: ReadonlySet<string> = new Set(['CIRCUIT_BREAKER_TRIGGERED', 'MANUAL_OVERRIDE_ACTIVE']);

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
  /** The traffic settings cannot be read at start, so nobody can ask for a production. */
  productionSettingsUnusable(error: unknown): void;
  overrideUnreadable(error: unknown): void;
  partitionProduced(partition: PartitionProduced): void;
  partitionFailed(error: unknown): void;
  listingFailed(error: unknown): void;
  operatorsLoaded(count: number): void;
  partnersLoaded(count: number): void;
  partnersFailed(error: unknown): void;
  partnerTold(partner: string, optOuts: number): void;
  partnerFailed(partner: string, error: unknown): void;
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
  const denied = new Counter({
    name: 'optout_denied_records_total',
    help: 'Opt-outs kept out of deltas by the deny-list',
    registers,
  });
  const halted = new Gauge({
    name: 'optout_production_halted',
    help: '1 while the production of deltas is stopped by an override',
    registers,
  });
  const partitions = new Counter({ name: 'optout_partition_files_total', help: 'Partition files written', registers });
  const expired = new Counter({
    name: 'optout_expired_files_total',
    help: 'Old files merged into a partition and removed',
    registers,
  });
  const told = new Counter({
    name: 'optout_partner_records_total',
    help: 'Opt-outs that partners were told of',
    labelNames: ['partner'] as const,
    registers,
  });
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
      denied.inc(production.deniedRecords);
      halted.set(HALTED.has(production.stopReason) ? 1 : 0);
      if (production.files + production.deniedFiles > 0) logger.info({ ...production }, 'opt-outs written to the log');
      if (HALTED.has(production.stopReason)) {
        logger.error(
          { stopReason: production.stopReason, queued: size },
          'the production of deltas is stopped; the opt-outs stay in the queue until the override object is removed',
        );
      }
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
    productionSettingsUnusable(error) {
      failures.inc({ what: 'settings' });
      logger.error(causeOf(error), 'the port for asking for a delta stays closed; correct the settings and restart');
    },
    overrideUnreadable(error) {
      failures.inc({ what: 'override' });
      logger.error(causeOf(error), 'the override object could not be read; production goes on as if there were none');
    },
    partitionProduced(partition) {
      partitions.inc();
      expired.inc(partition.expired);
      logger.info({ ...partition }, 'partition written to the log');
    },
    partitionFailed(error) {
      failures.inc({ what: 'partition' });
      logger.error(causeOf(error), 'no partition could be written; it is tried again');
    },
    listingFailed(error) {
      failures.inc({ what: 'listing' });
      logger.error(causeOf(error), 'the bucket could not be listed; the last listing stays in use');
    },
    operatorsLoaded(count) {
      logger.info({ count }, 'operators loaded');
    },
    partnersLoaded(count) {
      logger.info({ count }, 'partners loaded');
    },
    partnersFailed(error) {
      failures.inc({ what: 'partners' });
      logger.error(causeOf(error), 'partners could not be loaded; the last ones stay in use');
    },
    partnerTold(partner, optOuts) {
      told.inc({ partner }, optOuts);
      logger.info({ partner, optOuts }, 'partner told of opt-outs');
    },
    partnerFailed(partner, error) {
      failures.inc({ what: 'forwarding' });
      logger.error({ partner, ...causeOf(error) }, 'partner could not be told of opt-outs; tried again in an hour');
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
