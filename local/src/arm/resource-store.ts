import type { JsonObject } from './json.ts';

/** A resource as it is kept. */
export interface StoredResource {
  /** In the case in which it was created. */
  readonly id: string;
  /** As the provider spells it. */
  readonly type: string;
  /** The last name of the id. */
  readonly name: string;
  /** Everything but id, name and type. */
  readonly body: JsonObject;
}

/** Resources of all subscriptions by id, whose case does not count. */
export class ResourceStore {
  readonly #resources = new Map<string, StoredResource>();
  #revision = 0;

  /** Another number after every change. */
  get revision(): number {
    return this.#revision;
  }

  get(id: string): StoredResource | undefined {
    return this.#resources.get(keyOf(id));
  }

  put(resource: StoredResource): void {
    this.#revision += 1;
    this.#resources.set(keyOf(resource.id), resource);
  }

  delete(id: string): boolean {
    this.#revision += 1;
    return this.#resources.delete(keyOf(id));
  }

  all(): readonly StoredResource[] {
    return [...this.#resources.values()];
  }

  ofType(type: string): readonly StoredResource[] {
    const wanted = type.toLowerCase();
    return this.all().filter((resource) => resource.type.toLowerCase() === wanted);
  }

  /** What lies below an id: children, and extensions such as role assignments. */
  below(id: string): readonly StoredResource[] {
    const prefix = `${keyOf(id)}/`;
    return this.all().filter((resource) => keyOf(resource.id).startsWith(prefix));
  }

  /** Children of one type, in the order in which they were made. */
  children(id: string, type: string): readonly StoredResource[] {
    return this.below(id).filter((resource) => resource.type.toLowerCase() === type.toLowerCase());
  }

  /** Resources whose body names an id or something below it, except what lies below `exceptBelow`. */
  referrers(id: string, exceptBelow: string): readonly StoredResource[] {
    const needles = [`"${keyOf(id)}"`, `"${keyOf(id)}/`];
    const own = keyOf(exceptBelow);
    return this.all().filter((resource) => {
      const key = keyOf(resource.id);
      if (key === own || key.startsWith(`${own}/`)) return false;
      const text = JSON.stringify(resource.body).toLowerCase();
      return needles.some((needle) => text.includes(needle));
    });
  }
}

/** Two spellings of one id have one key. */
export function keyOf(id: string): string {
  return id.toLowerCase();
}
