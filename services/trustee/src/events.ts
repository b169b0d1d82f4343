import { createHash } from 'node:crypto';

import type { EarAppraisal } from '@holdfast/attestation';
import { errorMessage, PlatformError } from '@holdfast/base';
import type { Logger } from '@holdfast/process';

import type { Metrics } from './metrics.ts';

/** The facts worth knowing about this service, each as a log line and a count. No line holds a secret. */
export interface Events {
  challengeIssued(tee: string): void;
  attested(requestId: string, tee: string, submods: Readonly<Record<string, EarAppraisal>>): void;
  attestationRefused(requestId: string, tee: string, error: unknown): void;
  resourceRead(requestId: string, path: string): void;
  /** An administrator changed something: what, who, and the SHA-256 of the new content. */
  changed(what: string, name: string, role: string, content: Uint8Array | undefined): void;
  requestRefused(requestId: string, target: string, variant: string, error: unknown): void;
}

export function createEvents(logger: Logger, metrics: Metrics): Events {
  return {
    challengeIssued: (tee) => metrics.count('kbs_auth_total', 'Challenges issued by kind of evidence', { tee }),
    attested: (requestId, tee, submods) => {
      metrics.count('kbs_attest_total', 'Attestations by kind of evidence and outcome', { tee, outcome: 'success' });
      const vectors = Object.entries(submods).map(([name, { vector }]) => `${name}: ${JSON.stringify(vector)}`);
      logger.info({ requestId, tee, vectors }, 'attestation token issued');
    },
    attestationRefused: (requestId, tee, error) => {
      metrics.count('kbs_attest_total', 'Attestations by kind of evidence and outcome', { tee, outcome: 'failure' });
      logger.warn({ requestId, tee, ...describe(error) }, 'attestation refused');
    },
    resourceRead: (requestId, path) => {
      metrics.count('kbs_resource_reads_total', 'Resources handed out');
      logger.info({ requestId, resource: path }, 'resource released');
    },
    changed: (what, name, role, content) => {
      metrics.count('kbs_admin_changes_total', 'Changes by administrators', { what });
      const sha256 = content === undefined ? undefined : createHash('sha256').update(content).digest('hex');
      logger.info({ audit: true, what, name, role, sha256 }, 'administrator changed something');
    },
    requestRefused: (requestId, target, variant, error) => {
      metrics.count('kbs_refusals_total', 'Refused requests by kind', { variant });
      // The first request of every client is refused with TokenNotFound: the handshake follows.
      const level = variant === 'TokenNotFound' ? 'debug' : 'warn';
      logger[level]({ requestId, target: target.slice(0, 300), variant, ...describe(error) }, 'request refused');
    },
  };
}

function describe(error: unknown): Readonly<Record<string, unknown>> {
  const reasons: string[] = [];
  const codes: string[] = [];
  for (let at: unknown = error; at !== undefined && at !== null && reasons.length < 6; at = causeOf(at)) {
    reasons.push(errorMessage(at));
    if (at instanceof PlatformError) codes.push(at.code);
  }
  return { codes, reasons };
}

function causeOf(error: unknown): unknown {
  return error instanceof Error ? error.cause : undefined;
}
