import type { SevSnpVmAppraisal } from '@holdfast/attestation';
import { errorMessage, PlatformError, toHex } from '@holdfast/base';
import type { Logger } from '@holdfast/process';
import { Counter } from 'prom-client';
import type { Registry } from 'prom-client';

/** The facts worth knowing about this service, each as a log line and a count. */
export interface Events {
  tokenIssued(requestId: string, appraisal: SevSnpVmAppraisal): void;
  evidenceRefused(requestId: string, status: number, error: unknown): void;
  requestFailed(requestId: string, error: unknown): void;
}

export function createEvents(logger: Logger, registry: Registry): Events {
  const requests = new Counter({
    name: 'attestation_requests_total',
    help: 'Attestation requests by outcome: issued, refused (the evidence or request is at fault), failed (this service is)',
    labelNames: ['outcome'],
    registers: [registry],
  });
  for (const outcome of ['issued', 'refused', 'failed']) requests.inc({ outcome }, 0);
  return {
    tokenIssued(requestId, { evidence, endorsement }) {
      requests.inc({ outcome: 'issued' });
      const { report } = evidence;
      logger.info(
        {
          requestId,
          hostData: toHex(report.hostData),
          measurement: toHex(report.measurement),
          debug: report.policy.debugAllowed,
          complianceStatus: endorsement?.trust.complianceStatus ?? null,
          simulated: evidence.simulated,
        },
        'attestation token issued',
      );
    },
    evidenceRefused(requestId, status, error) {
      requests.inc({ outcome: 'refused' });
      const { code, details } = error instanceof PlatformError ? error : { code: null, details: {} };
      logger.warn({ requestId, status, code, details, reason: errorMessage(error) }, 'attestation refused');
    },
    requestFailed(requestId, error) {
      requests.inc({ outcome: 'failed' });
      logger.error(
        { requestId, reason: errorMessage(error), stack: error instanceof Error ? error.stack : undefined },
        'attestation request failed',
      );
    },
  };
}
