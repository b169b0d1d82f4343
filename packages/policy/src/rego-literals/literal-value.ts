/** `data.framework.<name>` as a value: the framework inside the guest supplies it. */
export class FrameworkReference {
  /** The part after `data.framework.`, such as `create_container` or `errors`. */
  readonly framework: string;

  constructor(framework: string) {
    this.framework = framework;
  }
}

/** What stands right of `:=` in a policy: JSON in which a reference to the framework may stand anywhere. */
export type LiteralValue =
  | null
  | boolean
  | number
  | string
  | FrameworkReference
  | readonly LiteralValue[]
  | LiteralObject;

export interface LiteralObject {
  readonly [key: string]: LiteralValue;
}

export function isLiteralObject(value: LiteralValue | undefined): value is LiteralObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof FrameworkReference);
}

export function isLiteralArray(value: LiteralValue | undefined): value is readonly LiteralValue[] {
  return Array.isArray(value);
}

/** Whether two values are equal as Rego compares them: order of object keys does not matter, order of arrays does. */
export function equalLiterals(a: LiteralValue | undefined, b: LiteralValue | undefined): boolean {
  if (a === b) return true;
  if (a instanceof FrameworkReference) return b instanceof FrameworkReference && a.framework === b.framework;
  if (isLiteralArray(a)) {
    return isLiteralArray(b) && a.length === b.length && a.every((item, index) => equalLiterals(item, b[index]));
  }
  if (!isLiteralObject(a) || !isLiteralObject(b)) return false;
  const keys = Object.keys(a);
  return (
    keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && equalLiterals(a[key], b[key]))
  );
}
