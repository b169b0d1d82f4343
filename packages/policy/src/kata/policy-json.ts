/**
 * Writes `policy_data` as the Rust `serde_json` pretty printer does: two blanks per level, members in the order of the
 * value, maps sorted by the bytes of their keys, text as raw UTF-8 with only `"`, `\` and control characters escaped.
 */

/** Members whose value is a map and not a structure; their keys are data and are sorted. */
const maps: ReadonlySet<string> = new Set(['Annotations', 'Sysctl', 'runtime_anno_patterns']);

/** Order of two texts by their UTF-8 bytes. JavaScript's own order is by UTF-16 units, which differs beyond U+FFFF. */
export function compareUtf8(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a, 'utf8'), Buffer.from(b, 'utf8'));
}

/** The text of a JSON value. No line feed at the end. Undefined members are left out. */
export function writePolicyJson(value: unknown): string {
  return write(value, '', false);
}

function write(value: unknown, indent: string, sorted: boolean): string {
  if (Array.isArray(value)) return writeList(value, indent);
  if (typeof value === 'object' && value !== null) return writeMembers(value, indent, sorted);
  return JSON.stringify(value);
}

function writeList(items: readonly unknown[], indent: string): string {
  if (items.length === 0) return '[]';
  const inner = `${indent}  `;
  return `[\n${items.map((item) => inner + write(item, inner, false)).join(',\n')}\n${indent}]`;
}

function writeMembers(value: object, indent: string, sorted: boolean): string {
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  if (members.length === 0) return '{}';
  if (sorted) members.sort(([a], [b]) => compareUtf8(a, b));
  const inner = `${indent}  `;
  const lines = members.map(
    ([key, member]) => `${inner}${JSON.stringify(key)}: ${write(member, inner, maps.has(key))}`,
  );
  return `{\n${lines.join(',\n')}\n${indent}}`;
}
