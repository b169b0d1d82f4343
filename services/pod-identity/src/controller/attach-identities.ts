import { problemOf } from '@holdfast/deployment';
import type { ArmPort, JsonObject, JsonValue, Sleep } from '@holdfast/deployment';

import { identitiesNamedIn } from './node-identities.ts';
import type { IdentityChange, MachineId } from './node-identities.ts';

export interface AttachOptions {
  readonly arm: Pick<ArmPort, 'read' | 'write'>;
  readonly sleep: Sleep;
}

export interface Attached {
  /** Identities that the machine has now, lower-cased. */
  readonly present: ReadonlySet<string>;
  /** Of the first attempt, also when a later one succeeded without the identities that broke it. */
  readonly error: unknown;
}

const COMPUTE_API = '2024-07-01';
const EXTRA_TRIES = 2;
const RETRY_MS = 1000;
const RETRIED: ReadonlySet<string> = new Set(['LinkedAuthorizationFailed', 'FailedIdentityOperation']);

/**
 * Changes the identities of one virtual machine or scale set. When Azure refuses because of some of them, it is asked again without
 * those, so that one broken identity does not keep the others away; the first error is answered anyway. What is attached is read
 * back after an error.
 */
export async function attachIdentities(
  machine: MachineId,
  change: IdentityChange,
  { arm, sleep }: AttachOptions,
  signal: AbortSignal,
): Promise<Attached> {
  const live = await arm.read(machine, COMPUTE_API, { signal });
  if (live === undefined) return { present: new Set(), error: new Error(`${machine} does not exist`) };
  const before = identitiesOf(live);
  let add = change.add.filter((id) => !before.has(id));
  let remove = change.remove.filter((id) => before.has(id));
  if (add.length === 0 && remove.length === 0) return { present: before, error: undefined };
  let first: unknown;
  for (let attempt = 0; ; attempt += 1) {
    try {
      const written = await arm.write(machine, COMPUTE_API, withIdentities(live, add, remove), { signal });
      return { present: identitiesOf(written), error: first };
    } catch (error) {
      first ??= error;
      const broken = RETRIED.has(problemOf(error)?.code ?? '')
        ? identitiesNamedIn(problemOf(error)?.message ?? '')
        : [];
      const rest = {
        add: add.filter((id) => !broken.includes(id)),
        remove: remove.filter((id) => !broken.includes(id)),
      };
      const isSmaller = rest.add.length + rest.remove.length < add.length + remove.length;
      const isEmpty = rest.add.length + rest.remove.length === 0;
      if (attempt >= EXTRA_TRIES || !isSmaller || isEmpty) break;
      ({ add, remove } = rest);
      await sleep(RETRY_MS, signal);
    }
  }
  const after = await arm.read(machine, COMPUTE_API, { signal });
  return { present: after === undefined ? new Set() : identitiesOf(after), error: first };
}

/** Ids of the user-assigned identities of a machine, lower-cased. */
export function identitiesOf(machine: JsonObject): ReadonlySet<string> {
  return new Set(
    Object.keys(objectIn(objectIn(machine, 'identity'), 'userAssignedIdentities')).map((id) => id.toLowerCase()),
  );
}

function withIdentities(machine: JsonObject, add: readonly string[], remove: readonly string[]): JsonObject {
  const identity = objectIn(machine, 'identity');
  const kept = Object.keys(objectIn(identity, 'userAssignedIdentities')).filter(
    (id) => !remove.includes(id.toLowerCase()),
  );
  const all = [...kept, ...add];
  const hasOwn = typeof identity['type'] === 'string' && /SystemAssigned/.test(identity['type']);
  const type = [...(hasOwn ? ['SystemAssigned'] : []), ...(all.length > 0 ? ['UserAssigned'] : [])].join(', ');
  const { resources: _resources, zones, ...rest } = machine;
  return {
    ...rest,
    ...(zones === undefined ? {} : { zones }),
    identity: {
      type: type === '' ? 'None' : type,
      // A member that is null is detached; one that is not named would stay.
      ...(all.length + remove.length === 0
        ? {}
        : {
            userAssignedIdentities: Object.fromEntries([
              ...all.map((id) => [id, {}] as const),
              ...remove.map((id) => [id, null] as const),
            ]),
          }),
    },
  };
}

function objectIn(value: JsonObject, member: string): JsonObject {
  const found: JsonValue | undefined = value[member];
  return typeof found === 'object' && found !== null && !Array.isArray(found) ? (found as JsonObject) : {};
}
