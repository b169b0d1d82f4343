import type { LiteralObject, LiteralValue } from './literal-value.ts';
import { equalLiterals, FrameworkReference } from './literal-value.ts';
import { malformed, tooLarge } from './scanner.ts';
import type { Scanner } from './scanner.ts';

const numberAt = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const wordAt = /[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*/y;
const frameworkPrefix = 'data.framework.';

/**
 * The value at the scanner's position, or undefined when what stands there is sound Rego outside the literal subset
 * (another reference, a set, a comprehension, a call). Throws `REGO_MALFORMED` for a bad string or a repeated object
 * key and `REGO_TOO_LARGE` beyond `depth` levels.
 */
export function parseValue(scanner: Scanner, depth: number): LiteralValue | undefined {
  switch (scanner.peek()) {
    case '"':
    case '`':
      return scanner.takeString();
    case '[':
      return parseArray(scanner, depth);
    case '{':
      return parseObject(scanner, depth);
    default:
      return parseScalar(scanner);
  }
}

function parseScalar(scanner: Scanner): LiteralValue | undefined {
  const number = scanner.take(numberAt);
  if (number !== undefined) return Number(number);
  const word = scanner.take(wordAt);
  if (word === 'true') return true;
  if (word === 'false') return false;
  if (word === 'null') return null;
  if (word?.startsWith(frameworkPrefix) === true && !word.slice(frameworkPrefix.length).includes('.')) {
    return new FrameworkReference(word.slice(frameworkPrefix.length));
  }
  return undefined;
}

function parseArray(scanner: Scanner, depth: number): readonly LiteralValue[] | undefined {
  const items: LiteralValue[] = [];
  enter(scanner, depth);
  for (;;) {
    scanner.skipBlanks();
    if (scanner.takeText(']')) return items;
    const item = parseValue(scanner, depth - 1);
    if (item === undefined) return undefined;
    items.push(item);
    scanner.skipBlanks();
    if (!scanner.takeText(',') && scanner.peek() !== ']') return undefined;
  }
}

function parseObject(scanner: Scanner, depth: number): LiteralObject | undefined {
  const object: Record<string, LiteralValue> = {};
  enter(scanner, depth);
  for (;;) {
    scanner.skipBlanks();
    if (scanner.takeText('}')) return object;
    if (scanner.peek() !== '"' && scanner.peek() !== '`') return undefined;
    const start = scanner.position;
    const key = scanner.takeString();
    scanner.skipBlanks();
    if (!scanner.takeText(':')) return undefined;
    scanner.skipBlanks();
    const value = parseValue(scanner, depth - 1);
    if (value === undefined) return undefined;
    if (Object.hasOwn(object, key) && !equalLiterals(object[key], value)) {
      throw malformed(scanner.lineOf(start), 'an object has the same key twice with different values');
    }
    setOwn(object, key, value);
    scanner.skipBlanks();
    if (!scanner.takeText(',') && scanner.peek() !== '}') return undefined;
  }
}

function enter(scanner: Scanner, depth: number): void {
  if (depth <= 0) throw tooLarge('nesting depth', depth, depth + 1);
  scanner.position++;
}

/** Plain assignment would lose the key `__proto__`. */
function setOwn(object: Record<string, LiteralValue>, key: string, value: LiteralValue): void {
  if (key === '__proto__') Object.defineProperty(object, key, { value, enumerable: true, configurable: true });
  else object[key] = value;
}
