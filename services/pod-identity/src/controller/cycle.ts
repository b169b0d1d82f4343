import {
  ASSIGNED_FINALIZER,
  assignmentDifference,
  desiredAssignments,
  identityTypes,
  objectIn,
  POD_IDENTITY_API,
  podIdentityKinds,
  readAzureAssignedIdentity,
  textIn,
} from '@holdfast/admission';
import type { AzureAssignedIdentity, JsonObject } from '@holdfast/admission';
import { errorMessage } from '@holdfast/base';
import { kubernetesReason } from '@holdfast/deployment';
import type { ArmPort, KubernetesObject, KubernetesPort, Sleep } from '@holdfast/deployment';

import { attachIdentities } from './attach-identities.ts';
import type { Attached } from './attach-identities.ts';
import { identityChanges, machineOfNode } from './node-identities.ts';
import type { MachineId } from './node-identities.ts';

export interface CycleOptions {
  readonly cluster: Pick<KubernetesPort, 'list' | 'read' | 'create' | 'replace' | 'remove'>;
  readonly arm: Pick<ArmPort, 'read' | 'write'>;
  readonly sleep: Sleep;
  readonly forceNamespaced: boolean;
  readonly immutableClientIds: ReadonlySet<string>;
  readonly ownIdentities: ReadonlySet<string>;
  readonly onWarning: (sentence: string) => void;
}

export interface CycleResult {
  readonly created: number;
  readonly removed: number;
  readonly updated: number;
  /** Objects that became Assigned. */
  readonly assigned: number;
  readonly errors: readonly string[];
}

const BATCH = 20;

/**
 * One round of the controller of standard mode: objects first, so that the node's servers know what is coming, then the machines,
 * then the objects' state. Every step can be repeated; what fails is tried again in the next round.
 */
export async function runCycle(options: CycleOptions, signal: AbortSignal): Promise<CycleResult> {
  const { cluster } = options;
  const list = async (apiVersion: string, kind: string): Promise<readonly JsonObject[]> =>
    (await cluster.list(apiVersion, kind, { signal })) as unknown as readonly JsonObject[];
  const [pods, nodes, bindings, identities, present] = await Promise.all([
    list('v1', 'Pod'),
    list('v1', 'Node'),
    list(POD_IDENTITY_API, podIdentityKinds.binding),
    list(POD_IDENTITY_API, podIdentityKinds.identity),
    list(POD_IDENTITY_API, podIdentityKinds.assigned),
  ]);
  const { assigned: wanted, warnings } = desiredAssignments({ pods, bindings, identities }, options.forceNamespaced);
  for (const warning of warnings) options.onWarning(warning);
  const { create, remove, update } = assignmentDifference(wanted, present);
  const errors: string[] = [];
  const attempt = async (what: string, work: () => Promise<unknown>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      signal.throwIfAborted();
      errors.push(`${what}: ${errorMessage(error)}`);
    }
  };
  await inBatches(create, (object) =>
    attempt('create', () => cluster.create(object as unknown as KubernetesObject, { signal })),
  );
  await inBatches(update, ({ before, after }) =>
    attempt('update', () => rewrite(cluster, before, () => after as unknown as KubernetesObject, signal)),
  );
  const machineOf = machinesOf(nodes);
  const attached = await attachAll({ wanted, remove, update, machineOf }, options, signal);
  for (const { error } of attached.values())
    if (error !== undefined) errors.push(`binding apply error: ${errorMessage(error)}`);
  // Only now: an object that goes before its identity does would leave nobody to detach it.
  await inBatches(remove, (object) => attempt('remove', () => finish(cluster, object, attached, machineOf, signal)));
  const assigned = await markAssigned(wanted, attached, machineOf, { cluster, attempt, signal });
  return { created: create.length, removed: remove.length, updated: update.length, assigned, errors };
}

interface AttachInput {
  readonly wanted: readonly JsonObject[];
  readonly remove: readonly AzureAssignedIdentity[];
  readonly update: readonly { readonly before: AzureAssignedIdentity }[];
  readonly machineOf: ReadonlyMap<string, MachineId>;
}

async function attachAll(
  { wanted, remove, update, machineOf }: AttachInput,
  options: CycleOptions,
  signal: AbortSignal,
): Promise<ReadonlyMap<MachineId, Attached>> {
  const changes = identityChanges({
    wanted: wanted.map(readAzureAssignedIdentity),
    leaving: [...remove, ...update.map(({ before }) => before)],
    machineOf,
    immutableClientIds: options.immutableClientIds,
    ownIdentities: options.ownIdentities,
  });
  const results = await Promise.all(
    [...changes].map(async ([machine, change]): Promise<readonly [MachineId, Attached]> => {
      try {
        return [machine, await attachIdentities(machine, change, options, signal)];
      } catch (error) {
        signal.throwIfAborted();
        return [machine, { present: new Set(), error }];
      }
    }),
  );
  return new Map(results);
}

/** Objects whose identity is on their machine, and those that need none there, become Assigned. */
async function markAssigned(
  wanted: readonly JsonObject[],
  attached: ReadonlyMap<MachineId, Attached>,
  machineOf: ReadonlyMap<string, MachineId>,
  run: {
    readonly cluster: CycleOptions['cluster'];
    readonly attempt: (what: string, work: () => Promise<unknown>) => Promise<void>;
    readonly signal: AbortSignal;
  },
): Promise<number> {
  let count = 0;
  await inBatches(wanted, (object) =>
    run.attempt('status update error', async () => {
      const read = readAzureAssignedIdentity(object);
      const machine = attached.get(machineOf.get(read.nodeName) ?? '');
      const isThere =
        read.identity.type !== identityTypes.managedIdentity ||
        machine?.present.has(read.identity.resourceId.toLowerCase()) === true;
      if (!isThere) return;
      const status = { status: 'Assigned', availableReplicas: 1 };
      const isChanged = await rewrite(
        run.cluster,
        read,
        (live) => (textIn(live['status'] as JsonObject, 'status') === 'Assigned' ? undefined : { ...live, status }),
        run.signal,
      );
      if (isChanged) count += 1;
    }),
  );
  return count;
}

/** Takes the finalizer off and removes the object, once its identity is gone from the machine or somebody else needs it there. */
async function finish(
  cluster: CycleOptions['cluster'],
  object: AzureAssignedIdentity,
  attached: ReadonlyMap<MachineId, Attached>,
  machineOf: ReadonlyMap<string, MachineId>,
  signal: AbortSignal,
): Promise<void> {
  const machine = attached.get(machineOf.get(object.nodeName) ?? '');
  if (machine?.error !== undefined && machine.present.has(object.identity.resourceId.toLowerCase())) return;
  const { namespace, name } = object;
  await rewrite(cluster, object, (live) => withoutFinalizer(live), signal);
  await cluster.remove({ apiVersion: POD_IDENTITY_API, kind: podIdentityKinds.assigned, namespace, name }, { signal });
}

function withoutFinalizer(live: KubernetesObject): KubernetesObject | undefined {
  const metadata = live.metadata as KubernetesObject['metadata'] & { readonly finalizers?: readonly string[] };
  const finalizers = metadata.finalizers ?? [];
  if (!finalizers.includes(ASSIGNED_FINALIZER)) return undefined;
  const rest = { ...metadata, finalizers: finalizers.filter((each) => each !== ASSIGNED_FINALIZER) };
  return { ...live, metadata: rest };
}

/** Writes a changed object over the live one; answers whether there was something to write. */
async function rewrite(
  cluster: CycleOptions['cluster'],
  { namespace, name }: { readonly namespace: string; readonly name: string },
  change: (live: KubernetesObject) => KubernetesObject | undefined,
  signal: AbortSignal,
): Promise<boolean> {
  const reference = { apiVersion: POD_IDENTITY_API, kind: podIdentityKinds.assigned, namespace, name };
  const live = await cluster.read(reference, { signal });
  if (live === undefined) return false;
  const changed = change(live);
  if (changed === undefined) return false;
  const { resourceVersion } = live.metadata as { readonly resourceVersion?: string };
  const metadata = { ...changed.metadata, ...(resourceVersion === undefined ? {} : { resourceVersion }) };
  try {
    await cluster.replace({ ...changed, metadata }, { signal });
    return true;
  } catch (error) {
    // Gone or changed meanwhile: the next round sees what it is now.
    const reason = kubernetesReason(error)?.reason;
    if (reason === 'NotFound' || reason === 'Conflict') return false;
    throw error;
  }
}

function machinesOf(nodes: readonly JsonObject[]): ReadonlyMap<string, MachineId> {
  return new Map(
    nodes.flatMap((node) => {
      const machine = machineOfNode(textIn(objectIn(node, 'spec'), 'providerID') ?? '');
      const name = textIn(objectIn(node, 'metadata'), 'name');
      return machine === undefined || name === undefined ? [] : [[name, machine] as const];
    }),
  );
}

async function inBatches<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  for (let begin = 0; begin < items.length; begin += BATCH) {
    await Promise.all(items.slice(begin, begin + BATCH).map(work));
  }
}
