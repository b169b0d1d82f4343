import { UnsupportedError } from '@holdfast/base';

import { malformed, Scanner, tooLarge } from './scanner.ts';
import type { LiteralValue } from './literal-value.ts';
import { FrameworkReference } from './literal-value.ts';
import { parseValue } from './value-parser.ts';

export interface RegoLimits {
  /** Longest text in UTF-16 units. */
  readonly maxLength: number;
  /** Deepest nesting of arrays and objects. */
  readonly maxDepth: number;
  readonly maxStatements: number;
}

export const defaultRegoLimits: RegoLimits = { maxLength: 16 * 1024 * 1024, maxDepth: 64, maxStatements: 10_000 };

/** A statement outside the literal subset: a rule with a body, a function, a comprehension, a default, an expression. */
export interface CustomRule {
  /** Name at the head of the statement, undefined when it does not begin with a name. */
  readonly name: string | undefined;
  /** Line of the statement's first character, from 1. */
  readonly line: number;
  /** First line of the statement, shortened. */
  readonly excerpt: string;
}

/** A policy or fragment text read as data. Judge `rules` before trusting `assignments`: they may change the meaning. */
export interface LiteralPolicy {
  readonly package: string;
  /** References after `import`, in order, with an alias if one is written (`data.x as y`). */
  readonly imports: readonly string[];
  /** Right-hand sides by name, in order of the document. */
  readonly assignments: ReadonlyMap<string, LiteralValue>;
  /** Line of each assignment, from 1. */
  readonly lines: ReadonlyMap<string, number>;
  /** Custom Rego: needs a full evaluator. Empty for everything that the known generators emit. */
  readonly rules: readonly CustomRule[];
}

const nameAt = /[A-Za-z_][A-Za-z0-9_]*/y;
const dottedNameAt = /[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*/y;
const maxExcerpt = 100;

/**
 * Reads the literal subset of Rego in which confidential-computing policies are written: `package`, `import`, and
 * `name := value` with JSON values (trailing commas, `#` comments and raw strings allowed) and `data.framework.name`
 * references. Every other statement that is lexically sound is reported in `rules`, never skipped silently.
 *
 * Throws `REGO_MALFORMED` for a text that is no Rego document (no package line, bad string, unbalanced brackets, a name
 * assigned twice) and `REGO_TOO_LARGE` when a limit is exceeded.
 */
export function readLiteralPolicy(text: string, limits: Partial<RegoLimits> = {}): LiteralPolicy {
  const { maxLength, maxDepth, maxStatements } = { ...defaultRegoLimits, ...limits };
  if (text.length > maxLength) throw tooLarge('length', maxLength, text.length);
  const scanner = new Scanner(text);
  const packageName = readPackage(scanner);
  const imports: string[] = [];
  const assignments = new Map<string, LiteralValue>();
  const lines = new Map<string, number>();
  const rules: CustomRule[] = [];
  for (scanner.skipBlanks(); !scanner.atEnd(); scanner.skipBlanks()) {
    if (imports.length + assignments.size + rules.length >= maxStatements) {
      throw tooLarge('statements', maxStatements, maxStatements + 1);
    }
    const start = scanner.position;
    const name = scanner.take(nameAt);
    const imported = name === 'import' ? readImport(scanner) : undefined;
    if (imported !== undefined) {
      imports.push(imported);
      continue;
    }
    const value = name === undefined ? undefined : readAssigned(scanner, maxDepth);
    if (name === undefined || value === undefined) {
      scanner.position = start;
      rules.push({ name, line: scanner.lineOf(start), excerpt: scanner.lineText(start, maxExcerpt) });
      scanner.skipStatement();
      continue;
    }
    if (assignments.has(name)) throw malformed(scanner.lineOf(start), `the name ${name} is assigned a second time`);
    assignments.set(name, value);
    lines.set(name, scanner.lineOf(start));
  }
  return { package: packageName, imports, assignments, lines, rules };
}

/**
 * Throws `REGO_CUSTOM_RULE`, naming the first rules, when a policy cannot be judged from its literals alone. `what` is
 * the noun of the sentence, such as "policy" or "fragment".
 */
export function requireLiteralsOnly(policy: LiteralPolicy, what: string): void {
  const first = policy.rules[0];
  if (first === undefined) return;
  const found = policy.rules.slice(0, 8).map((rule) => `line ${rule.line}: ${rule.excerpt}`);
  throw new UnsupportedError(
    'REGO_CUSTOM_RULE',
    `The ${what} contains custom Rego (line ${first.line}: ${first.excerpt}); it needs a full evaluator.`,
    {
      details: { count: policy.rules.length, rules: found },
      action: 'Evaluate it with Open Policy Agent, or use only the bindings that a policy generator emits.',
    },
  );
}

/** The value of an assignment, undefined when the name is not assigned or bound to the framework. */
export function literalOf(policy: LiteralPolicy, name: string): Exclude<LiteralValue, FrameworkReference> | undefined {
  const value = policy.assignments.get(name);
  return value instanceof FrameworkReference ? undefined : value;
}

function readPackage(scanner: Scanner): string {
  scanner.skipBlanks();
  const line = scanner.lineOf(scanner.position);
  if (scanner.take(nameAt) !== 'package') throw malformed(line, 'the first statement must be a package line');
  scanner.skipSpaces();
  const name = scanner.take(dottedNameAt);
  if (name === undefined || !scanner.atLineEnd()) throw malformed(line, 'the package line has no valid name');
  return name;
}

/** What follows `import`, or undefined when the statement is something else that begins with that word. */
function readImport(scanner: Scanner): string | undefined {
  if (!scanner.skipSpaces()) return undefined;
  const reference = scanner.take(dottedNameAt);
  if (reference === undefined) return undefined;
  scanner.skipSpaces();
  if (scanner.atLineEnd()) return reference;
  if (scanner.take(nameAt) !== 'as') return undefined;
  scanner.skipSpaces();
  const alias = scanner.take(nameAt);
  return alias !== undefined && scanner.atLineEnd() ? `${reference} as ${alias}` : undefined;
}

function readAssigned(scanner: Scanner, maxDepth: number): LiteralValue | undefined {
  scanner.skipSpaces();
  if (!scanner.takeText(':=')) return undefined;
  scanner.skipBlanks();
  const value = parseValue(scanner, maxDepth);
  return value !== undefined && scanner.atLineEnd() ? value : undefined;
}
