import type { PlacedSchema, PublishedSchemas, Schema } from './published-schemas.ts';

/** Where a value is wrong, and how. */
export interface Violation {
  readonly path: string;
  readonly problem: string;
}

const EXPRESSION = /^\[(?!\[).*\]$/s;

/**
 * Compares a value with a published schema, more strictly than the schema says: a property that it does not name is wrong,
 * unless it allows any. Expressions of templates may stand for every value.
 */
export function violations(
  published: PublishedSchemas,
  { schema, file }: PlacedSchema,
  value: unknown,
  path = '',
): readonly Violation[] {
  if (typeof value === 'string' && EXPRESSION.test(value)) return [];
  if (schema.$ref !== undefined) return violations(published, published.follow(schema.$ref, file), value, path);
  const branches = schema.oneOf ?? schema.anyOf;
  if (branches !== undefined) return nearest(branches.map((each) => judge(each)));
  if (schema.allOf !== undefined) return schema.allOf.flatMap((each) => judge(each));
  if (schema.enum !== undefined && !schema.enum.includes(value)) {
    return [{ path, problem: `is ${JSON.stringify(value)}, not one of ${JSON.stringify(schema.enum)}` }];
  }
  if (Array.isArray(value)) {
    const { items } = schema;
    if (!mayBe('array')) return [wrongType()];
    return items === undefined ? [] : value.flatMap((item, index) => judge(items, item, `${path}[${index}]`));
  }
  if (typeof value === 'object' && value !== null) {
    return mayBe('object') ? ofObject(value as Readonly<Record<string, unknown>>) : [wrongType()];
  }
  return ofScalar(schema, value) ? [] : [wrongType()];

  function mayBe(type: string): boolean {
    return schema.type === undefined || [schema.type].flat().includes(type);
  }

  function judge(own: Schema, inner: unknown = value, at: string = path): readonly Violation[] {
    return violations(published, { schema: own, file }, inner, at);
  }

  function wrongType(): Violation {
    return { path, problem: `is ${JSON.stringify(value)}, which ${JSON.stringify(summaryOf(schema))} does not allow` };
  }

  function ofObject(object: Readonly<Record<string, unknown>>): readonly Violation[] {
    const { properties, required = [], additionalProperties } = schema;
    // A schema that names no property at all allows every one.
    if (properties === undefined && additionalProperties === undefined) return [];
    const missing = required.filter((name) => !(name in object));
    return [
      ...missing.map((name) => ({ path, problem: `lacks ${name}` })),
      ...Object.entries(object).flatMap(([name, member]): readonly Violation[] => {
        const at = path === '' ? name : `${path}.${name}`;
        const own = properties !== undefined && Object.hasOwn(properties, name) ? properties[name] : undefined;
        if (own !== undefined) return judge(own, member, at);
        if (typeof additionalProperties === 'object') return judge(additionalProperties, member, at);
        return additionalProperties === true ? [] : [{ path: at, problem: 'is not a property that is published' }];
      }),
    ];
  }
}

function ofScalar(schema: Schema, value: unknown): boolean {
  const { type, pattern, minLength, maxLength, minimum, maximum } = schema;
  const types: readonly string[] = type === undefined ? [] : [type].flat();
  if (types.length === 0) return true;
  switch (typeof value) {
    case 'string':
      return (
        types.includes('string') &&
        (pattern === undefined || new RegExp(pattern, 'u').test(value)) &&
        value.length >= (minLength ?? 0) &&
        value.length <= (maxLength ?? Infinity)
      );
    case 'boolean':
      return types.includes('boolean');
    case 'number':
      return (
        (types.includes('number') || (types.includes('integer') && Number.isInteger(value))) &&
        value >= (minimum ?? -Infinity) &&
        value <= (maximum ?? Infinity)
      );
    default:
      return types.includes('null');
  }
}

function summaryOf({ type, pattern, minimum, maximum, minLength, maxLength }: Schema): object {
  return { type, pattern, minimum, maximum, minLength, maxLength };
}

/** Of several possible shapes the one that the value comes nearest to. */
function nearest(results: readonly (readonly Violation[])[]): readonly Violation[] {
  if (results.some((each) => each.length === 0)) return [];
  return results.toSorted((a, b) => depth(b) - depth(a) || a.length - b.length)[0] ?? [];
}

function depth(found: readonly Violation[]): number {
  return Math.max(0, ...found.map(({ path }) => path.split('.').length));
}
