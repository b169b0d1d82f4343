import type { Logger } from '@holdfast/process';
import { Counter, Histogram } from 'prom-client';
import type { Registry } from 'prom-client';

import type { CycleResult } from './cycle.ts';

/** The facts worth knowing about the controller. */
export interface ControllerEvents {
  cycled(result: CycleResult, seconds: number): void;
  cycleFailed(reason: string): void;
  leading(isLeader: boolean): void;
  warned(sentence: string): void;
}

const PREFIX = 'aadpodidentity';

export function createControllerEvents(logger: Logger, registry: Registry): ControllerEvents {
  const registers = [registry];
  const counter = (name: string, help: string): Counter => new Counter({ name: `${PREFIX}_${name}`, help, registers });
  const durations = new Histogram({
    name: `${PREFIX}_mic_cycle_duration_seconds`,
    help: 'Seconds that one round took',
    buckets: [0.5, 1, 5, 10, 30, 60, 120, 300],
    registers,
  });
  const cycles = counter('mic_cycle_count', 'Rounds');
  const elections = counter('mic_new_leader_election_count', 'Times that this process became the leader');
  const additions = counter('assigned_identity_addition_count', 'AzureAssignedIdentities created');
  const deletions = counter('assigned_identity_deletion_count', 'AzureAssignedIdentities removed');
  const updates = counter('assigned_identity_update_count', 'AzureAssignedIdentities changed');
  const errors = counter('cloud_provider_operations_errors_count', 'Changes of machines or objects that failed');
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
      errors.inc(result.errors.length);
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
