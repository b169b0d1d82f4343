import { errorMessage } from '@holdfast/base';
import type { Logger } from '@holdfast/process';
import { Counter } from 'prom-client';
import type { Registry } from 'prom-client';

import type { PodObject } from './driver/objects.ts';

/** The facts worth knowing about this service, each as a log line and a number. */
export interface Events {
  mounted(pod: PodObject, className: string, written: boolean): void;
  mountFailed(pod: PodObject, error: unknown): void;
  rotationFailed(pod: PodObject, className: string, reason: string): void;
  statusFailed(pod: PodObject, reason: string): void;
  payloadLarge(pod: PodObject, className: string, bytes: number): void;
  secretSynced(pod: PodObject, secretName: string): void;
  secretSkipped(pod: PodObject, secretName: string, reason: string): void;
  chainIncomplete(objectName: string): void;
  /** On the provider socket. */
  answered(method: string): void;
  refused(method: string, error: unknown): void;
}

export function createEvents(logger: Logger, registry: Registry): Events {
  const mounts = new Counter({
    name: 'secrets_store_mounts_total',
    help: 'Volumes filled, by outcome: written, unchanged, failed (first time), kept (earlier files stay)',
    labelNames: ['outcome'],
    registers: [registry],
  });
  const secrets = new Counter({
    name: 'secrets_store_secrets_total',
    help: 'Mirrored Secrets by outcome: written, skipped',
    labelNames: ['outcome'],
    registers: [registry],
  });
  const calls = new Counter({
    name: 'secrets_store_provider_calls_total',
    help: 'Calls on the provider socket by method and outcome: answered, refused',
    labelNames: ['method', 'outcome'],
    registers: [registry],
  });
  const about = ({ metadata }: PodObject) => ({ pod: metadata.name, namespace: metadata.namespace });
  return {
    mounted(pod, className, written) {
      mounts.inc({ outcome: written ? 'written' : 'unchanged' });
      if (written) logger.info({ ...about(pod), className }, 'volume filled');
    },
    mountFailed(pod, error) {
      mounts.inc({ outcome: 'failed' });
      logger.warn({ ...about(pod), reason: errorMessage(error) }, 'volume cannot be filled');
    },
    rotationFailed(pod, className, reason) {
      mounts.inc({ outcome: 'kept' });
      logger.warn({ ...about(pod), className, reason }, 'volume cannot be filled anew; its files stay');
    },
    statusFailed(pod, reason) {
      logger.warn({ ...about(pod), reason }, 'the cluster cannot be told about a volume');
    },
    payloadLarge(pod, className, bytes) {
      logger.warn({ ...about(pod), className, bytes }, 'the files may be too large for a Secret');
    },
    secretSynced(pod, secretName) {
      secrets.inc({ outcome: 'written' });
      logger.info({ ...about(pod), secretName }, 'secret mirrored');
    },
    secretSkipped(pod, secretName, reason) {
      secrets.inc({ outcome: 'skipped' });
      logger.warn({ ...about(pod), secretName, reason }, 'secret not mirrored');
    },
    chainIncomplete(objectName) {
      logger.warn({ objectName }, 'the certificates are no complete chain and stay in their order');
    },
    answered(method) {
      calls.inc({ method, outcome: 'answered' });
    },
    refused(method, error) {
      calls.inc({ method, outcome: 'refused' });
      logger.warn({ method, reason: errorMessage(error) }, 'provider call failed');
    },
  };
}
