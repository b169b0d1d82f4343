import type { JsonValue } from '../src/arm/template.ts';
import { valueAt } from '../src/engine/json.ts';
import type { JsonObject } from '../src/engine/ports.ts';

/** What the expressions of templates may ask for. */
export interface Evaluation {
  readonly parameters: Readonly<Record<string, string>>;
  readonly tenantId: string;
  readonly read: (id: string) => JsonObject | undefined;
  readonly listKeys: (id: string) => JsonObject;
}

/** Evaluates the few expressions that our templates use, and refuses all others. */
export function evaluate(value: JsonValue, evaluation: Evaluation): JsonValue {
  if (typeof value === 'string') return evaluateText(value, evaluation);
  if (Array.isArray(value)) return (value as readonly JsonValue[]).map((item) => evaluate(item, evaluation));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, evaluate(member, evaluation)]));
}

function evaluateText(text: string, evaluation: Evaluation): JsonValue {
  if (text.startsWith('[[')) return text.slice(1);
  if (!text.startsWith('[') || !text.endsWith(']')) return text;
  const expression = text.slice(1, -1);
  if (expression === 'subscription().tenantId') return evaluation.tenantId;
  const parameter = /^parameters\('(\w+)'\)$/.exec(expression);
  if (parameter !== null) {
    const value = evaluation.parameters[parameter[1] ?? ''];
    if (value === undefined) throw new Error(`no value for the parameter ${parameter[1]}`);
    return value;
  }
  const call = /^(reference|listKeys)\('([^']+)', '[^']+'(, 'Full')?\)\.(.+)$/.exec(expression);
  if (call === null) throw new Error(`the fake cannot evaluate ${text}`);
  const [, name, id = '', full, path = ''] = call;
  const base = name === 'listKeys' ? evaluation.listKeys(id) : evaluation.read(id);
  if (base === undefined) throw new Error(`ResourceNotFound ${id}`);
  const from = name === 'reference' && full === undefined ? base['properties'] : base;
  return valueAt(from, path) ?? null;
}
