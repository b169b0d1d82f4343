import { readAzureAssignedIdentity } from '@holdfast/admission';
import type { KubernetesObject } from '@holdfast/deployment';
import { createMetricsRegistry } from '@holdfast/http';
import type { Logger } from '@holdfast/process';
import { beforeEach, describe, expect, it } from 'vitest';

import { createBindingEvents } from '../../src/controller/binding-events.ts';
import { createControllerEvents } from '../../src/controller/events.ts';

const assigned = readAzureAssignedIdentity({
  metadata: { name: 'pod-default-vote', namespace: 'default' },
  spec: {
    pod: 'pod',
    podNamespace: 'default',
    nodename: 'node-1',
    azureIdentityRef: { metadata: { name: 'vote', namespace: 'default' }, spec: {} },
    azureBindingRef: { metadata: { name: 'vote-binding', namespace: 'default' }, spec: {} },
  },
});

describe('events of the controller', () => {
  let written: KubernetesObject[];
  let refuse: boolean;
  const problems: unknown[] = [];
  const cluster = {
    create: async (object: KubernetesObject) => {
      if (refuse) throw new Error('refused');
      written.push(object);
      return Promise.resolve(object);
    },
  };

  beforeEach(() => {
    [written, refuse] = [[], false];
    problems.length = 0;
  });

  const open = () => createBindingEvents({ cluster, clock: () => 0, onProblem: (error) => problems.push(error) });

  it('are told on the binding, an error of the status on the assigned identity', async () => {
    const tell = open();
    await tell(assigned, { reason: 'binding applied' });
    await tell(assigned, { reason: 'binding apply error', problem: 'no permission' });
    await tell(assigned, { reason: 'status update error', problem: 'conflict' });
    expect(written.map(({ involvedObject, type, reason, message }) => [involvedObject, type, reason, message])).toEqual(
      [
        [
          expect.objectContaining({ kind: 'AzureIdentityBinding', name: 'vote-binding' }),
          'Normal',
          'binding applied',
          'Binding vote-binding applied on node node-1 for pod pod-default-vote',
        ],
        [
          expect.objectContaining({ kind: 'AzureIdentityBinding', name: 'vote-binding' }),
          'Warning',
          'binding apply error',
          'Applying binding vote-binding node node-1 for pod pod-default-vote resulted in error no permission',
        ],
        [
          expect.objectContaining({ kind: 'AzureAssignedIdentity', name: 'pod-default-vote' }),
          'Warning',
          'status update error',
          'Updating assigned identity pod-default-vote status for pod resulted in error conflict',
        ],
      ],
    );
  });

  it('are written once for what stays the same round after round', async () => {
    const tell = open();
    for (let round = 0; round < 3; round += 1) await tell(assigned, { reason: 'binding apply error', problem: 'x' });
    await tell(assigned, { reason: 'binding apply error', problem: 'y' });
    expect(written).toHaveLength(2);
  });

  it('that cannot be written are a problem of nobody else, and are tried again', async () => {
    const tell = open();
    refuse = true;
    await tell(assigned, { reason: 'binding applied' });
    refuse = false;
    await tell(assigned, { reason: 'binding applied' });
    expect([problems.length, written.length]).toEqual([1, 1]);
  });
});

describe('metrics of the controller', () => {
  it('have the names of the reference', async () => {
    const registry = createMetricsRegistry('test');
    const silent = { info: () => undefined, warn: () => undefined, error: () => undefined } as unknown as Logger;
    const events = createControllerEvents(silent, registry);
    events.operated('addition', 1, false);
    events.operated('cloud', 2, true);
    events.cycled({ created: 1, removed: 0, updated: 0, assigned: 1, errors: [] }, 3);
    const text = await registry.metrics();
    for (const line of [
      'aadpodidentity_assigned_identity_addition_count{application="test"} 1',
      'aadpodidentity_assigned_identity_addition_duration_seconds_count{application="test"} 1',
      'aadpodidentity_assigned_identity_deletion_duration_seconds_count{application="test"} 0',
      'aadpodidentity_cloud_provider_operations_duration_seconds_sum{application="test",operation_type="update"} 2',
      'aadpodidentity_cloud_provider_operations_errors_count{operation_type="update",application="test"} 1',
      'aadpodidentity_mic_cycle_count{application="test"} 1',
    ]) {
      expect(text).toContain(line);
    }
  });
});
