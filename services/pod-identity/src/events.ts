import type { Logger } from '@holdfast/process';
import { Counter, Histogram } from 'prom-client';
import type { Registry } from 'prom-client';

import type { AnswerFact } from './nmi/server.ts';
import type { TokenOperation } from './tokens/acquire.ts';

/** The facts worth knowing about the node's server. */
export interface NmiEvents {
  answered(fact: AnswerFact, seconds: number): void;
  metadataAsked(operation: TokenOperation, seconds: number, failed: boolean): void;
  clusterFailed(): void;
  failed(reason: string): void;
}

const BUCKETS = [0.5, 1, 2, 3, 4, 5, 10, 15, 20, 25, 30, 40, 50, 60, 70, 80, 90, 100];
/** Callers choose resources freely; what comes after this many distinct ones is counted as `other`. */
const MAX_RESOURCES = 50;
const OPERATIONS: Readonly<Record<string, string>> = {
  token: '/metadata/identity/oauth2/token',
  'host-token': '/host/token',
};

export function createEvents(logger: Logger, registry: Registry): NmiEvents {
  const registers = [registry];
  const operations = new Histogram({
    name: 'aadpodidentity_nmi_operations_duration_seconds',
    help: 'Seconds to answer a request for a token, by handler, status, namespace of the pod, and resource',
    labelNames: ['operation_type', 'status_code', 'namespace', 'resource'],
    buckets: BUCKETS,
    registers,
  });
  const durations = new Histogram({
    name: 'aadpodidentity_imds_operations_duration_seconds',
    help: 'Seconds that the metadata service or Entra ID took for a token',
    labelNames: ['operation_type'],
    buckets: BUCKETS,
    registers,
  });
  const errors = new Counter({
    name: 'aadpodidentity_imds_operations_errors_count',
    help: 'Tokens that the metadata service or Entra ID did not give',
    labelNames: ['operation_type'],
    registers,
  });
  const clusterErrors = new Counter({
    name: 'aadpodidentity_kubernetes_api_operations_errors_count',
    help: 'Requests to the API server that failed',
    registers,
  });
  const resources = new Set<string>();
  const resourceLabel = (resource: string): string => {
    if (resources.has(resource)) return resource;
    // A refused request must not be able to use up the labels.
    if (resources.size >= MAX_RESOURCES || resource.length > 200) return 'other';
    resources.add(resource);
    return resource;
  };
  return {
    answered({ operation, status, namespace, resource, reason }, seconds) {
      const labels = {
        operation_type: OPERATIONS[operation] ?? 'other',
        status_code: String(status),
        // The host endpoint names any namespace; only one that got a token is known to exist.
        namespace: status === 200 || operation === 'token' ? namespace : '',
        resource: status === 200 ? resourceLabel(resource) : resources.has(resource) ? resource : 'other',
      };
      operations.observe(labels, seconds);
      if (reason !== undefined) logger.warn({ operation, status, namespace, reason }, 'no token was given');
    },
    metadataAsked(operation, seconds, failed) {
      durations.observe({ operation_type: operation }, seconds);
      if (failed) errors.inc({ operation_type: operation });
    },
    clusterFailed() {
      clusterErrors.inc();
    },
    failed(reason) {
      logger.error({ reason }, 'request failed');
    },
  };
}
