/** Reading parts of an object whose shape is not known. */
export type Json = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The value at a path of member names; undefined where there is none. */
export function at(value: unknown, ...path: readonly string[]): unknown {
  let current = value;
  for (const step of path) current = isObject(current) && Object.hasOwn(current, step) ? current[step] : undefined;
  return current;
}

export function objectAt(value: unknown, ...path: readonly string[]): Json {
  const found = at(value, ...path);
  return isObject(found) ? found : {};
}

export function listAt(value: unknown, ...path: readonly string[]): readonly Json[] {
  const found = at(value, ...path);
  return Array.isArray(found) ? found.filter(isObject) : [];
}

export function textAt(value: unknown, ...path: readonly string[]): string | undefined {
  const found = at(value, ...path);
  return typeof found === 'string' ? found : undefined;
}

interface ManifestVariable {
  readonly name: string;
  /** Undefined when the value comes from somewhere else. */
  readonly value: string | undefined;
}

/** A container of a manifest as far as a policy measures it. */
export interface ManifestContainer {
  readonly name: string;
  readonly image: string;
  readonly command: readonly string[] | undefined;
  readonly args: readonly string[] | undefined;
  readonly env: readonly ManifestVariable[];
}

export const operatorContainer = 'uid2-operator';
export const annotationPrefix = 'microsoft.containerinstance.virtualnode.';
export const policyAnnotation = `${annotationPrefix}ccepolicy`;
export const identityAnnotation = `${annotationPrefix}identity`;

/** The containers of the pod of a Deployment. */
export function containersOf(deployment: unknown): readonly ManifestContainer[] {
  return listAt(deployment, 'spec', 'template', 'spec', 'containers').map((container) => ({
    name: textAt(container, 'name') ?? '',
    image: textAt(container, 'image') ?? '',
    command: words(container['command']),
    args: words(container['args']),
    env: listAt(container, 'env').map((variable) => ({
      name: textAt(variable, 'name') ?? '',
      value: 'valueFrom' in variable ? undefined : (textAt(variable, 'value') ?? ''),
    })),
  }));
}

function words(value: unknown): readonly string[] | undefined {
  return Array.isArray(value) ? value.map(String) : undefined;
}

export function policyOf(deployment: unknown): string | undefined {
  return textAt(deployment, 'spec', 'template', 'metadata', 'annotations', policyAnnotation);
}
