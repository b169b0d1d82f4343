import type { JsonObject } from '../src/engine/ports.ts';
import { textAt } from '../src/engine/json.ts';
import { typeAndName } from './arm-ids.ts';
import { FakeAzureError } from './fake-requests.ts';

interface Deleted {
  readonly id: string;
  /** The vault and what stands below it, by lower-case id; role assignments are lost. */
  readonly resources: readonly (readonly [string, JsonObject])[];
}

/** Vaults that were deleted softly: their names stay taken, and they come back with what was in them, but without their rights. */
export class FakeDeletedVaults {
  readonly #all = new Map<string, Deleted>();

  keep(id: string, resources: ReadonlyMap<string, JsonObject>): void {
    const key = id.toLowerCase();
    const own = [...resources].filter(
      ([other]) => other === key || (other.startsWith(`${key}/`) && !other.includes('/microsoft.authorization/')),
    );
    this.#all.set(nameOf(id), { id, resources: own });
  }

  get(name: string): JsonObject | undefined {
    const deleted = this.#all.get(name.toLowerCase());
    if (deleted === undefined) return undefined;
    return { name, properties: { vaultId: deleted.id, scheduledPurgeDate: '2026-12-24T00:00:00Z' } };
  }

  purge(name: string): void {
    this.#all.delete(name.toLowerCase());
  }

  /** A vault that is written: one that comes back is answered, one whose name is kept is refused. */
  put(id: string, body: JsonObject, resources: Map<string, JsonObject>): JsonObject | undefined {
    const deleted = this.#all.get(nameOf(id));
    if (resources.has(id.toLowerCase()) || deleted === undefined) return undefined;
    if (textAt(body, 'properties.createMode') !== 'recover') {
      const message = 'A vault with the same name already exists in deleted state. It is deleted but recoverable.';
      throw new FakeAzureError({ code: 'ConflictError', message, status: 409 });
    }
    for (const [key, resource] of deleted.resources) resources.set(key, resource);
    this.#all.delete(nameOf(id));
    return resources.get(id.toLowerCase());
  }
}

function nameOf(id: string): string {
  return typeAndName(id)[1].toLowerCase();
}
