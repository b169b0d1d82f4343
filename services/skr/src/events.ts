import { errorMessage, PlatformError } from '@holdfast/base';
import type { Logger } from '@holdfast/process';
import { Counter } from 'prom-client';
import type { Registry } from 'prom-client';

/** The facts worth knowing about the sidecar, each as a log line and a count. */
export interface Events {
  answered(path: string): void;
  refused(path: string, status: number, error: unknown): void;
  /** All files of AttestedSecrets are written. */
  secretsProvided(names: readonly string[]): void;
  /** They could not be, and the sidecar tries again after a pause. */
  secretsDelayed(error: unknown, pauseMs: number): void;
}

export function createEvents(logger: Logger, registry: Registry): Events {
  const requests = new Counter({
    name: 'skr_requests_total',
    help: 'Requests for evidence, tokens and keys by path and outcome',
    labelNames: ['path', 'outcome'],
    registers: [registry],
  });
  const provisions = new Counter({
    name: 'skr_secret_provisions_total',
    help: 'Attempts to provide the files of AttestedSecrets by outcome',
    labelNames: ['outcome'],
    registers: [registry],
  });
  return {
    secretsProvided(names) {
      provisions.inc({ outcome: 'provided' });
      logger.info({ names }, 'secrets provided');
    },
    secretsDelayed(error, pauseMs) {
      provisions.inc({ outcome: 'delayed' });
      const { code, details } = error instanceof PlatformError ? error : { code: 'INTERNAL', details: {} };
      logger.warn({ code, details, pauseMs, reason: errorMessage(error) }, 'secrets cannot be provided yet');
    },
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
