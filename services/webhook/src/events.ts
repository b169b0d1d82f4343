import { errorMessage } from '@holdfast/base';
import type { Logger } from '@holdfast/process';
import { Counter, Histogram } from 'prom-client';
import type { Registry } from 'prom-client';

import type { MutationName } from './config.ts';

/** The facts worth knowing about this service, each as a log line and a number. */
export interface Events {
  answered(mutation: MutationName, namespace: string, seconds: number): void;
  denied(mutation: MutationName, namespace: string, message: string): void;
  unreadable(reason: string): void;
  failed(error: unknown): void;
  certificateServed(authorities: number): void;
  certificateKept(error: unknown): void;
}

export function createEvents(logger: Logger, registry: Registry): Events {
  const durations = new Histogram({
    name: 'azwi_mutation_request',
    help: 'Seconds to answer an admission request of the workload identity mutation, by namespace',
    labelNames: ['namespace'],
    buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5],
    registers: [registry],
  });
  const requests = new Counter({
    name: 'webhook_requests_total',
    help: 'Admission requests by mutation and outcome: answered, denied, failed',
    labelNames: ['mutation', 'outcome'],
    registers: [registry],
  });
  return {
    answered(mutation, namespace, seconds) {
      if (mutation === 'workload-identity') durations.observe({ namespace }, seconds);
      requests.inc({ mutation, outcome: 'answered' });
    },
    denied(mutation, namespace, message) {
      requests.inc({ mutation, outcome: 'denied' });
      logger.warn({ mutation, namespace, reason: message }, 'pod refused');
    },
    unreadable(reason) {
      requests.inc({ mutation: 'unknown', outcome: 'failed' });
      logger.warn({ reason }, 'request is no AdmissionReview');
    },
    failed(error) {
      requests.inc({ mutation: 'unknown', outcome: 'failed' });
      logger.error({ reason: errorMessage(error) }, 'admission request failed');
    },
    certificateServed(authorities) {
      logger.info({ authorities }, 'serving certificate in use');
    },
    certificateKept(error) {
      logger.warn(
        { reason: errorMessage(error) },
        'the serving certificate cannot be read again; the one in use stays',
      );
    },
  };
}
