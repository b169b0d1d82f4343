import type { ClusterObject } from '../objects.ts';
import type { KindInfo } from '../scheme/scheme.ts';

/** Objects by kind (whatever version), namespace and name. */
export class ObjectTable {
  readonly #kinds = new Map<string, Map<string, ClusterObject>>();

  get(info: KindInfo, namespace: string | undefined, name: string): ClusterObject | undefined {
    return this.#kinds.get(kindKey(info))?.get(objectKey(namespace, name));
  }

  set(info: KindInfo, object: ClusterObject): void {
    const key = kindKey(info);
    const objects = this.#kinds.get(key) ?? new Map<string, ClusterObject>();
    this.#kinds.set(key, objects);
    objects.set(objectKey(object.metadata.namespace, object.metadata.name), object);
  }

  delete(info: KindInfo, object: ClusterObject): void {
    this.#kinds.get(kindKey(info))?.delete(objectKey(object.metadata.namespace, object.metadata.name));
  }

  /** In order of namespace and name, as the API server lists them. */
  list(info: KindInfo, namespace?: string): readonly ClusterObject[] {
    const objects = [...(this.#kinds.get(kindKey(info))?.entries() ?? [])];
    const chosen = namespace === undefined ? objects : objects.filter(([key]) => key.startsWith(`${namespace}/`));
    return chosen.sort(([a], [b]) => (a < b ? -1 : 1)).map(([, object]) => object);
  }

  all(): readonly ClusterObject[] {
    return [...this.#kinds.values()].flatMap((objects) => [...objects.values()]);
  }

  clear(): void {
    this.#kinds.clear();
  }
}

function kindKey(info: KindInfo): string {
  return `${info.group}/${info.kind}`;
}

function objectKey(namespace: string | undefined, name: string): string {
  return `${namespace ?? ''}/${name}`;
}
