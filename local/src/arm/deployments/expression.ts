import { ArmFault } from '../arm-fault.ts';
import { isObject, valueAt } from '../json.ts';
import type { JsonObject, JsonValue } from '../json.ts';

/** What an expression can ask for. */
export interface ExpressionContext {
  readonly parameters: Readonly<Record<string, JsonValue>>;
  readonly subscription: JsonObject;
  /** Undefined in a deployment of the subscription. */
  readonly resourceGroup: JsonObject | undefined;
  /** The id of a resource of the scope. */
  readonly resourceId: (type: string, name: string) => string;
  /** A resource, whole; undefined when it does not exist yet. */
  readonly reference: (id: string, apiVersion: string | undefined) => JsonObject | undefined;
  readonly listKeys: (id: string, apiVersion: string) => Promise<JsonValue | undefined>;
  /** Whether what does not exist yet leaves its expression standing, as in forecasts. */
  readonly tolerant: boolean;
}

/** Whether a text of a template is an expression: two brackets stand for one that is meant as text. */
export function isExpression(text: string): boolean {
  return text.startsWith('[') && !text.startsWith('[[') && text.endsWith(']');
}

/** A value of a template with its expressions replaced by what they stand for. */
export async function evaluate(value: JsonValue, context: ExpressionContext): Promise<JsonValue> {
  if (typeof value === 'string') return evaluateText(value, context);
  if (Array.isArray(value)) {
    const items: JsonValue[] = [];
    for (const item of value) items.push(await evaluate(item, context));
    return items;
  }
  if (typeof value !== 'object' || value === null) return value;
  const result: JsonObject = {};
  for (const [name, member] of Object.entries(value)) result[name] = await evaluate(member, context);
  return result;
}

async function evaluateText(text: string, context: ExpressionContext): Promise<JsonValue> {
  if (text.startsWith('[[')) return text.slice(1);
  if (!isExpression(text)) return text;
  const found = await valueOf(parseExpression(text.slice(1, -1)), context);
  if (found !== undefined) return found;
  if (context.tolerant) return text;
  throw new ArmFault(400, 'InvalidTemplate', `The expression '${text}' names something that does not exist.`);
}

/** Refuses, anywhere in a value, an expression that is none of those understood here, or that names no parameter. */
export function checkExpressions(value: JsonValue, parameters: readonly string[]): void {
  if (typeof value === 'string') {
    if (isExpression(value)) checkParameters(parseExpression(value.slice(1, -1)), parameters);
    return;
  }
  if (typeof value !== 'object' || value === null) return;
  // A nested deployment has parameters of its own, and is checked when its turn comes.
  const nested = isObject(value) && isObject(value['template']);
  for (const [name, member] of Object.entries(value)) {
    if (!nested || name !== 'template') checkExpressions(member, parameters);
  }
}

function checkParameters(expression: Expression, parameters: readonly string[]): void {
  if (expression.kind === 'literal') return;
  if (expression.kind === 'member') {
    checkParameters(expression.of, parameters);
    return;
  }
  const [first] = expression.args;
  if (expression.name === 'parameters' && first?.kind === 'literal' && !parameters.includes(String(first.value))) {
    throw new ArmFault(400, 'InvalidTemplate', `The template parameter '${first.value}' is not found.`);
  }
  for (const arg of expression.args) checkParameters(arg, parameters);
}

type Expression =
  | { readonly kind: 'literal'; readonly value: string | number }
  | { readonly kind: 'call'; readonly name: string; readonly args: readonly Expression[] }
  | { readonly kind: 'member'; readonly of: Expression; readonly path: string };

const FUNCTIONS = new Set(['parameters', 'reference', 'resourceid', 'listkeys', 'subscription', 'resourcegroup']);

const TOKEN = /\s*(?:('(?:[^']|'')*')|(\d+)|([A-Za-z_][\w]*)|([().,[\]]))/y;

/**
 * Reads `function(arguments).member[0]`. Functions are `parameters`, `reference`, `resourceId`, `listKeys`, `subscription`
 * and `resourceGroup`. Anything else is refused, so that whatever makes templates stays inside this subset.
 */
function parseExpression(text: string): Expression {
  const tokens = tokenize(text);
  let at = 0;
  const refuse = (): ArmFault =>
    new ArmFault(400, 'InvalidTemplate', `The template language expression '${text}' is not one this service knows.`);
  const take = (expected: string): void => {
    if (tokens[at] !== expected) throw refuse();
    at += 1;
  };
  const primary = (): Expression => {
    const token = tokens[at] ?? '';
    at += 1;
    if (token.startsWith("'")) return { kind: 'literal', value: token.slice(1, -1).replaceAll("''", "'") };
    if (/^\d+$/.test(token)) return { kind: 'literal', value: Number(token) };
    if (!FUNCTIONS.has(token.toLowerCase())) throw refuse();
    take('(');
    const args: Expression[] = [];
    while (tokens[at] !== ')') {
      args.push(postfix());
      if (tokens[at] !== ')') take(',');
    }
    take(')');
    return { kind: 'call', name: token.toLowerCase(), args };
  };
  const postfix = (): Expression => {
    let expression = primary();
    while (tokens[at] === '.' || tokens[at] === '[') {
      const dot = tokens[at] === '.';
      const name = tokens[at + 1] ?? '';
      at += 2;
      if (!dot) take(']');
      expression = { kind: 'member', of: expression, path: name.replaceAll("'", '') };
    }
    return expression;
  };
  const expression = postfix();
  if (at !== tokens.length) throw refuse();
  return expression;
}

function tokenize(text: string): readonly string[] {
  const tokens: string[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.length) {
    const start = TOKEN.lastIndex;
    const match = TOKEN.exec(text);
    const token = match?.[1] ?? match?.[2] ?? match?.[3] ?? match?.[4];
    if (token === undefined) {
      throw new ArmFault(400, 'InvalidTemplate', `The expression '${text}' cannot be read at position ${start}.`);
    }
    tokens.push(token);
  }
  return tokens;
}

async function valueOf(expression: Expression, context: ExpressionContext): Promise<JsonValue | undefined> {
  if (expression.kind === 'literal') return expression.value;
  if (expression.kind === 'member') {
    const of = await valueOf(expression.of, context);
    return of === undefined ? undefined : valueAt(of, expression.path);
  }
  const args: JsonValue[] = [];
  for (const arg of expression.args) {
    const value = await valueOf(arg, context);
    if (value === undefined) return undefined;
    args.push(value);
  }
  const [first = '', second, third] = args.map(String);
  switch (expression.name) {
    case 'parameters':
      return parameter(first, context);
    case 'subscription':
      return context.subscription;
    case 'resourcegroup':
      return context.resourceGroup;
    case 'resourceid':
      return context.resourceId(first, args.slice(1).map(String).join('/'));
    case 'listkeys':
      return context.listKeys(first, second ?? '');
    default: {
      const resource = context.reference(first, second);
      return third?.toLowerCase() === 'full' ? resource : resource?.['properties'];
    }
  }
}

function parameter(name: string, context: ExpressionContext): JsonValue | undefined {
  const value = context.parameters[name];
  if (value !== undefined || context.tolerant) return value;
  throw new ArmFault(400, 'InvalidTemplate', `The template parameter '${name}' is not found.`);
}
