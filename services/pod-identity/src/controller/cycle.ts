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
import type { TellAssignment } from './binding-events.ts';
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
  /** Told what happened to each assignment. */
  readonly tell: TellAssignment;
  /** Told about each change of an object and of a machine, for metrics. */
  readonly onOperation: (operation: CycleOperation, seconds: number, failed: boolean) => void;
  /** Milliseconds; for durations only. */
  readonly monotonic: () => number;
}

export type CycleOperation = 'addition' | 'deletion' | 'update' | 'cloud';

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
  const attempt: Attempt = async (what, work, failed) => {
    try {
      await work();
    } catch (error) {
      signal.throwIfAborted();
      errors.push(`${what}: ${errorMessage(error)}`);
      await failed?.(errorMessage(error));
    }
  };
  await inBatches(create, (object) =>
    attempt('create', () =>
      measured(options, 'addition', () => cluster.create(object as unknown as KubernetesObject, { signal })),
    ),
  );
  await inBatches(update, ({ before, after }) =>
    attempt('update', () =>
      measured(options, 'update', () => rewrite(cluster, before, () => after as unknown as KubernetesObject, signal)),
    ),
  );
  const machineOf = machinesOf(nodes);
  const attached = await attachAll({ wanted, remove, update, machineOf }, options, signal);
  for (const { error } of attached.values())
    if (error !== undefined) errors.push(`binding apply error: ${errorMessage(error)}`);
  // Only now: an object that goes before its identity does would leave nobody to detach it.
  await inBatches(remove, (object) =>
    attempt(
      'remove',
      async () => {
        const left = await measured(options, 'deletion', () => finish(cluster, object, attached, machineOf, signal));
        if (left === undefined) await options.tell(object, { reason: 'binding removed' });
        else await options.tell(object, { reason: 'binding remove error', problem: left });
      },
      async (problem) => options.tell(object, { reason: 'binding remove error', problem }),
    ),
  );
  const assigned = await markAssigned(wanted, attached, machineOf, { ...options, attempt, signal });
  return { created: create.length, removed: remove.length, updated: update.length, assigned, errors };
}

/** Does something whose failure is one of the round's errors, and is told besides. */
type Attempt = (
  what: string,
  work: () => Promise<unknown>,
  failed?: (problem: string) => Promise<void>,
) => Promise<void>;

async function measured<T>(
  { monotonic, onOperation }: Pick<CycleOptions, 'monotonic' | 'onOperation'>,
  operation: Exclude<CycleOperation, 'cloud'>,
  work: () => Promise<T>,
): Promise<T> {
  const begun = monotonic();
  let failed = true;
  try {
    const result = await work();
    failed = false;
    return result;
  } finally {
    onOperation(operation, (monotonic() - begun) / 1000, failed);
  }
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
      const begun = options.monotonic();
      const attached = await attachIdentities(machine, change, options, signal).catch((error: unknown): Attached => {
        signal.throwIfAborted();
        return { present: new Set(), error };
      });
      options.onOperation('cloud', (options.monotonic() - begun) / 1000, attached.error !== undefined);
      return [machine, attached];
    }),
  );
  return new Map(results);
}

/** Objects whose identity is on their machine, and those that need none there, become Assigned. */
async function markAssigned(
  wanted: readonly JsonObject[],
  attached: ReadonlyMap<MachineId, Attached>,
  machineOf: ReadonlyMap<string, MachineId>,
  run: Pick<CycleOptions, 'cluster' | 'tell'> & { readonly attempt: Attempt; readonly signal: AbortSignal },
): Promise<number> {
  let count = 0;
  await inBatches(wanted, (object) => {
    const read = readAzureAssignedIdentity(object);
    return run.attempt(
      'status update error',
      async () => {
        const machine = attached.get(machineOf.get(read.nodeName) ?? '');
        const isThere =
          read.identity.type !== identityTypes.managedIdentity ||
          machine?.present.has(read.identity.resourceId.toLowerCase()) === true;
        if (!isThere) {
          if (machine?.error === undefined) return;
          await run.tell(read, { reason: 'binding apply error', problem: errorMessage(machine.error) });
          return;
        }
        if (!(await markOne(run, read))) return;
        count += 1;
        await run.tell(read, { reason: 'binding applied' });
      },
      async (problem) => run.tell(read, { reason: 'status update error', problem }),
    );
  });
  return count;
}

/** Answers whether the object was not Assigned before. */
function markOne(
  { cluster, signal }: { readonly cluster: CycleOptions['cluster']; readonly signal: AbortSignal },
  assigned: AzureAssignedIdentity,
): Promise<boolean> {
  const status = { status: 'Assigned', availableReplicas: 1 };
  return rewrite(
    cluster,
    assigned,
    (live) => (textIn(live['status'] as JsonObject, 'status') === 'Assigned' ? undefined : { ...live, status }),
    signal,
  );
}

/**
 * Takes the finalizer off and removes the object, once its identity is gone from the machine or somebody else needs it there. Answers
 * why the object stays.
 */
async function finish(
  cluster: CycleOptions['cluster'],
  object: AzureAssignedIdentity,
  attached: ReadonlyMap<MachineId, Attached>,
  machineOf: ReadonlyMap<string, MachineId>,
  signal: AbortSignal,
): Promise<string | undefined> {
  const machine = attached.get(machineOf.get(object.nodeName) ?? '');
  const stays = machine?.error !== undefined && machine.present.has(object.identity.resourceId.toLowerCase());
  if (stays) return errorMessage(machine.error);
  const { namespace, name } = object;
  await rewrite(cluster, object, (live) => withoutFinalizer(live), signal);
  await cluster.remove({ apiVersion: POD_IDENTITY_API, kind: podIdentityKinds.assigned, namespace, name }, { signal });
  return undefined;
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
