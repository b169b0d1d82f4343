import type { ClusterObject } from '../objects.ts';
import type { KindInfo } from '../scheme/scheme.ts';

/** Whether the client asks for rows: `application/json;as=Table;g=meta.k8s.io;v=v1`, anywhere among what it accepts. */
export function wantsTable(accept: string | undefined): boolean {
  return accept?.split(',').some((type) => /;\s*as=Table/.test(type) && /;\s*g=meta\.k8s\.io/.test(type)) === true;
}

export type IncludeObject = 'None' | 'Metadata' | 'Object';

/** Objects as `kubectl get` shows them. @see meta.k8s.io/v1 Table */
export function tableOf(
  info: KindInfo,
  objects: readonly ClusterObject[],
  options: {
    readonly now: number;
    readonly metadata: unknown;
    readonly include: IncludeObject;
    /** Later events of a watch leave the definitions out. */
    readonly withColumns?: boolean;
  },
): unknown {
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata: options.metadata,
    columnDefinitions:
      options.withColumns === false
        ? []
        : info.columns.map((column) => ({
            name: column.name,
            type: column.type,
            format: column.format ?? '',
            description: column.description ?? '',
            priority: column.priority,
          })),
    rows: objects.map((object) => ({
      cells: info.columns.map((column) => column.cell(object, options.now)),
      object: rowObject(object, options.include),
    })),
  };
}

function rowObject(object: ClusterObject, include: IncludeObject): unknown {
  switch (include) {
    case 'Object':
      return object;
    case 'None':
      return undefined;
    default:
      return { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: object.metadata };
  }
}
