import type { Logger } from '@holdfast/process';
import { Counter, Histogram } from 'prom-client';
import type { Registry } from 'prom-client';

import type { CycleOperation, CycleResult } from './cycle.ts';

/** The facts worth knowing about the controller. */
export interface ControllerEvents {
  cycled(result: CycleResult, seconds: number): void;
  cycleFailed(reason: string): void;
  operated(operation: CycleOperation, seconds: number, failed: boolean): void;
  leading(isLeader: boolean): void;
  warned(sentence: string): void;
}

const PREFIX = 'aadpodidentity';
const BUCKETS = [0.5, 1, 5, 10, 30, 60, 120, 300];
/** What the reference calls the change of a machine. */
const CLOUD_OPERATION = 'update';

export function createControllerEvents(logger: Logger, registry: Registry): ControllerEvents {
  const registers = [registry];
  const counter = (name: string, help: string): Counter => new Counter({ name: `${PREFIX}_${name}`, help, registers });
  const histogram = (name: string, help: string, labelNames: readonly string[] = []): Histogram =>
    new Histogram({ name: `${PREFIX}_${name}`, help, labelNames: [...labelNames], buckets: BUCKETS, registers });
  const durations = histogram('mic_cycle_duration_seconds', 'Seconds that one round took');
  const operations = {
    addition: histogram('assigned_identity_addition_duration_seconds', 'Seconds to create an AzureAssignedIdentity'),
    deletion: histogram('assigned_identity_deletion_duration_seconds', 'Seconds to remove an AzureAssignedIdentity'),
    update: histogram('assigned_identity_update_duration_seconds', 'Seconds to change an AzureAssignedIdentity'),
  };
  const cloud = histogram(
    'cloud_provider_operations_duration_seconds',
    'Seconds to change the identities of a machine',
    ['operation_type'],
  );
  const cycles = counter('mic_cycle_count', 'Rounds');
  const elections = counter('mic_new_leader_election_count', 'Times that this process became the leader');
  const additions = counter('assigned_identity_addition_count', 'AzureAssignedIdentities created');
  const deletions = counter('assigned_identity_deletion_count', 'AzureAssignedIdentities removed');
  const updates = counter('assigned_identity_update_count', 'AzureAssignedIdentities changed');
  const errors = new Counter({
    name: `${PREFIX}_cloud_provider_operations_errors_count`,
    help: 'Changes of machines that failed',
    labelNames: ['operation_type'],
    registers,
  });
  const clusterErrors = counter('kubernetes_api_operations_errors_count', 'Changes of objects that failed');
  let wasLeader = false;
  // The same sentence comes round after round; it is worth one line.
  let warned = new Set<string>();
  let warning = new Set<string>();
  return {
    cycled(result, seconds) {
      durations.observe(seconds);
      cycles.inc();
      additions.inc(result.created);
      deletions.inc(result.removed);
      updates.inc(result.updated);
      [warned, warning] = [warning, new Set()];
      for (const reason of result.errors) logger.error({ reason }, 'an identity could not be assigned or taken away');
      const { created, removed, updated, assigned } = result;
      if (created + removed + updated + assigned > 0)
        logger.info({ created, removed, updated, assigned }, 'identities assigned');
    },
    cycleFailed(reason) {
      cycles.inc();
      logger.error({ reason }, 'a round failed and is tried again');
    },
    operated(operation, seconds, failed) {
      if (operation !== 'cloud') {
        operations[operation].observe(seconds);
        if (failed) clusterErrors.inc();
        return;
      }
      cloud.observe({ operation_type: CLOUD_OPERATION }, seconds);
      if (failed) errors.inc({ operation_type: CLOUD_OPERATION });
    },
    leading(isLeader) {
      if (isLeader && !wasLeader) elections.inc();
      if (isLeader !== wasLeader) logger.info({ isLeader }, 'leadership changed');
      wasLeader = isLeader;
    },
    warned(sentence) {
      if (!warned.has(sentence) && !warning.has(sentence)) logger.warn(sentence);
      warning.add(sentence);
    },
  };
}
