import { errorMessage, PlatformError } from '@holdfast/base';
import type { Logger } from '@holdfast/process';
import { Counter } from 'prom-client';
import type { Registry } from 'prom-client';

/** The facts worth knowing about the sidecar, each as a log line and a count. */
export interface Events {
  answered(path: string): void;
  refused(path: string, status: number, error: unknown): void;
}

export function createEvents(logger: Logger, registry: Registry): Events {
  const requests = new Counter({
    name: 'skr_requests_total',
    help: 'Requests for evidence, tokens and keys by path and outcome',
    labelNames: ['path', 'outcome'],
    registers: [registry],
  });
  return {
    answered(path) {
      requests.inc({ path, outcome: 'answered' });
      logger.info({ path }, path === '/key/release' ? 'key released' : 'evidence given');
    },
    refused(path, status, error) {
      requests.inc({ path, outcome: 'refused' });
      const { code, details, action } =
        error instanceof PlatformError ? error : { code: 'INTERNAL', details: {}, action: null };
      logger.warn({ path, status, code, details, action, reason: errorMessage(error) }, 'request refused');
    },
  };
}
