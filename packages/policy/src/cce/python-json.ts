/** JSON as Python's `json.dumps` writes it: the form in which policies are measured, so every byte counts. */
export interface PythonJsonOptions {
  /** Indentation by two blanks and `": "`; otherwise one line without blanks. */
  readonly pretty?: boolean;
  /** Sort object keys by code point; the default. */
  readonly sortKeys?: boolean;
}

/**
 * JSON text in ASCII: everything beyond is `\uXXXX` in lowercase, pairs for the astral planes; `/` and DEL are not
 * escaped. Members that are undefined are left out.
 */
export function pythonJson(value: unknown, { pretty = false, sortKeys = true }: PythonJsonOptions = {}): string {
  return write(value, pretty ? '\n' : '', sortKeys);
}

function write(value: unknown, newline: string, sortKeys: boolean): string {
  if (typeof value === 'string') return quoted(value);
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const inner = newline === '' ? '' : `${newline}  `;
  if (Array.isArray(value)) {
    const items = (value as unknown[]).map((item) => write(item, inner, sortKeys));
    return bracketed('[', items, ']', newline, inner);
  }
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  if (sortKeys) members.sort(([a], [b]) => compareCodePoints(a, b));
  const colon = newline === '' ? ':' : ': ';
  const entries = members.map(([name, member]) => quoted(name) + colon + write(member, inner, sortKeys));
  return bracketed('{', entries, '}', newline, inner);
}

function bracketed(open: string, entries: readonly string[], close: string, newline: string, inner: string): string {
  return entries.length === 0 ? open + close : open + inner + entries.join(`,${inner}`) + newline + close;
}

/** A JSON string in ASCII. */
function quoted(text: string): string {
  return JSON.stringify(text).replaceAll(/[\u0080-\uffff]/g, escaped);
}

function escaped(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** Order by code point, which UTF-16 units do not give above U+FFFF. */
export function compareCodePoints(a: string, b: string): number {
  const [left, right] = [Buffer.from(a, 'utf8'), Buffer.from(b, 'utf8')];
  return Buffer.compare(left, right);
}
