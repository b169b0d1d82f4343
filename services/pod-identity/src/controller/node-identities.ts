import { identityTypes } from '@holdfast/admission';
import type { AzureAssignedIdentity } from '@holdfast/admission';

/** A virtual machine or scale set whose identities the controller changes: its ARM id, lower-cased. */
export type MachineId = string;

/** What has to be attached to and detached from one machine or scale set. Ids are lower-cased. */
export interface IdentityChange {
  readonly add: readonly string[];
  readonly remove: readonly string[];
}

export interface IdentityChangeInput {
  /** Assignments that should be there. */
  readonly wanted: readonly AzureAssignedIdentity[];
  /** Assignments that go. */
  readonly leaving: readonly AzureAssignedIdentity[];
  /** Machine or scale set of each node; nodes that are missing are left out. */
  readonly machineOf: ReadonlyMap<string, MachineId>;
  /** Client ids, lower-cased, that are never detached. */
  readonly immutableClientIds: ReadonlySet<string>;
  /** Resource ids, lower-cased, that are never detached: the cluster's own identity. */
  readonly ownIdentities: ReadonlySet<string>;
}

/**
 * What to attach and detach, by machine. An identity that any remaining assignment on the same machine still needs is not
 * detached, and neither are immutable ones. Only managed identities are attached to machines.
 */
export function identityChanges(input: IdentityChangeInput): ReadonlyMap<MachineId, IdentityChange> {
  const { wanted, leaving, machineOf, immutableClientIds, ownIdentities } = input;
  const changes = new Map<MachineId, { add: Set<string>; remove: Set<string> }>();
  const changeOf = (assigned: AzureAssignedIdentity): { add: Set<string>; remove: Set<string> } | undefined => {
    const machine = machineOf.get(assigned.nodeName);
    if (machine === undefined || assigned.identity.type !== identityTypes.managedIdentity) return undefined;
    const found = changes.get(machine) ?? { add: new Set<string>(), remove: new Set<string>() };
    changes.set(machine, found);
    return found;
  };
  for (const assigned of wanted) changeOf(assigned)?.add.add(assigned.identity.resourceId.toLowerCase());
  for (const assigned of leaving) {
    const { clientId, resourceId } = assigned.identity;
    const id = resourceId.toLowerCase();
    if (immutableClientIds.has(clientId.toLowerCase()) || ownIdentities.has(id)) continue;
    const machine = machineOf.get(assigned.nodeName);
    const isNeeded = wanted.some(
      (other) => machineOf.get(other.nodeName) === machine && other.identity.clientId === clientId,
    );
    if (!isNeeded) changeOf(assigned)?.remove.add(id);
  }
  return new Map(
    [...changes].map(([machine, { add, remove }]) => [
      machine,
      // An identity in both lists stays.
      { add: [...add].toSorted(), remove: [...remove].filter((id) => !add.has(id)).toSorted() },
    ]),
  );
}

const SCALE_SET =
  /^azure:\/\/(\/subscriptions\/[^/]+\/resourceGroups\/[^/]+\/providers\/Microsoft\.Compute\/(?:virtualMachineScaleSets|virtualMachines)\/[^/]+)/i;

/** The machine or scale set of a node, out of its `spec.providerID`; undefined for nodes that are not Azure's. */
export function machineOfNode(providerId: string): MachineId | undefined {
  return SCALE_SET.exec(providerId)?.[1]?.toLowerCase();
}

/** Managed identities that a message of Azure names, lower-cased. */
export function identitiesNamedIn(message: string): readonly string[] {
  const found = message
    .toLowerCase()
    .matchAll(
      /\/subscriptions\/[^/'"\s]+\/resourcegroups\/[^/'"\s]+\/providers\/microsoft\.managedidentity\/userassignedidentities\/[^/'"\s,;]+/g,
    );
  return [...new Set([...found].map(([id]) => id.replace(/\.$/, '')))];
}
