import { asObject, type JsonObject, memberIgnoringCase } from '../manifests/json-value.ts';
import { invalidInput, objectOf } from './input-values.ts';

/** A value of a template with its parameters and variables put in. */
export interface ResolvedValue {
  readonly value: unknown;
  /** Whether an expression is left that is not evaluated here. */
  readonly unresolved: boolean;
}

const REFERENCE = /\[\s*(parameters|variables)\(\s*'([^'\]]{1,256})'\s*\)\s*\]/gi;
const WHOLE_REFERENCE = /^\[\s*(parameters|variables)\(\s*'([^'\]]{1,256})'\s*\)\s*\]$/i;
const MAX_CHAIN = 30;
const MAX_LENGTH = 1024 * 1024;

/**
 * Puts the values of `[parameters('x')]` and `[variables('x')]` into texts of an ARM template. Functions are not
 * evaluated: a text with one is answered as unresolved.
 */
export class ArmExpressions {
  readonly #parameters: JsonObject;
  readonly #values: JsonObject;
  readonly #variables: JsonObject;
  readonly #compatible: boolean;
  readonly #resolved = new Map<string, ResolvedValue | undefined>();
  /** References being worked out now. */
  readonly #open = new Set<string>();

  /** `compatible`: a value that is empty, zero or false counts as missing, as in the reference generator. */
  constructor(template: JsonObject, parameterFile: JsonObject | undefined, compatible: boolean) {
    this.#parameters = objectOf(memberIgnoringCase(template, 'parameters'), 'parameters of the template');
    this.#values = objectOf(
      parameterFile && memberIgnoringCase(parameterFile, 'parameters'),
      'parameters of the parameter file',
    );
    this.#variables = objectOf(memberIgnoringCase(template, 'variables'), 'variables of the template');
    this.#compatible = compatible;
  }

  /** Whether a declared parameter is a secret. */
  isSecure(text: unknown): boolean {
    const name = typeof text === 'string' ? WHOLE_REFERENCE.exec(text) : null;
    if (name?.[1]?.toLowerCase() !== 'parameters') return false;
    const type = asObject(memberIgnoringCase(this.#parameters, name[2] ?? ''))?.['type'];
    return typeof type === 'string' && type.toLowerCase().startsWith('secure');
  }

  /**
   * The value with references put in, at any depth.
   * @throws MalformedError CCE_INPUT_INVALID when references form a circle, a long chain or a long text
   */
  resolve(value: unknown): ResolvedValue {
    if (typeof value === 'string') return this.#resolveText(value);
    if (Array.isArray(value)) {
      const items = (value as unknown[]).map((item) => this.resolve(item));
      return { value: items.map((item) => item.value), unresolved: items.some((item) => item.unresolved) };
    }
    const object = asObject(value);
    if (object === undefined) return { value, unresolved: false };
    const members = Object.entries(object).map(([name, member]) => [name, this.resolve(member)] as const);
    return {
      value: Object.fromEntries(members.map(([name, member]) => [name, member.value])),
      unresolved: members.some(([, member]) => member.unresolved),
    };
  }

  #resolveText(text: string): ResolvedValue {
    const whole = WHOLE_REFERENCE.exec(text);
    if (whole !== null)
      return this.#resolveReference(whole[1] ?? '', whole[2] ?? '') ?? { value: text, unresolved: true };
    let length = text.length;
    const replaced = text.replaceAll(REFERENCE, (reference, kind: string, name: string) => {
      const value = this.#resolveReference(kind, name)?.value;
      const put = typeof value === 'string' ? value : reference;
      length += put.length - reference.length;
      if (length > MAX_LENGTH) throw invalidInput('a text of the template grows too long');
      return put;
    });
    return { value: replaced, unresolved: isExpression(replaced) };
  }

  /** The value behind a reference, scalars as text; undefined when there is none. Each is worked out once. */
  #resolveReference(kind: string, name: string): ResolvedValue | undefined {
    const key = `${kind} ${name}`.toLowerCase();
    if (this.#resolved.has(key)) return this.#resolved.get(key);
    if (this.#open.has(key) || this.#open.size >= MAX_CHAIN) {
      throw invalidInput('parameters or variables of the template refer to each other in a circle or in a long chain');
    }
    this.#open.add(key);
    const value = this.#lookUp(kind, name);
    const found = typeof value === 'object' || typeof value === 'string' ? this.resolve(value) : scalar(value);
    this.#open.delete(key);
    this.#resolved.set(key, found);
    return found;
  }

  #lookUp(kind: string, name: string): unknown {
    if (kind.toLowerCase() === 'variables') return memberIgnoringCase(this.#variables, name) ?? undefined;
    const declared = asObject(memberIgnoringCase(this.#parameters, name));
    const given = asObject(memberIgnoringCase(this.#values, name));
    const candidates = [given?.['value'], declared?.['value'], declared?.['defaultValue']];
    return candidates.find((value) => (this.#compatible ? isTruthy(value) : value !== undefined && value !== null));
  }
}

function scalar(value: unknown): ResolvedValue | undefined {
  // JSON leaves only numbers and truth values here.
  return value === undefined ? undefined : { value: JSON.stringify(value), unresolved: false };
}

/** Python's truth: empty texts, lists and mappings are false too. */
function isTruthy(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) return Object.keys(value).length > 0;
  return Boolean(value);
}

/** Whether Azure Resource Manager would evaluate a text: one in brackets, unless the first is doubled. */
function isExpression(text: string): boolean {
  return (
    (text.startsWith('[') && !text.startsWith('[[') && text.endsWith(']') && text.length > 2) || hasReference(text)
  );
}

function hasReference(text: string): boolean {
  return /\[\s*(?:parameters|variables)\(/i.test(text);
}
