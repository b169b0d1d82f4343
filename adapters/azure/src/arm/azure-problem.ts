import type { AzureProblem, JsonValue } from '@holdfast/deployment';

/** Facts about a failure that its body does not hold. */
export interface ProblemContext {
  readonly status?: number | undefined;
  readonly correlationId?: string | undefined;
  readonly resourceId?: string | undefined;
  /** Codes of what stands around the body, outermost first. */
  readonly path?: readonly string[];
  /** Texts that must not be seen. */
  readonly secrets?: readonly string[] | undefined;
}

/** One envelope of an error: `{code, message, target?, details?, innererror?, additionalInfo?}`. */
interface Envelope {
  readonly code: string;
  readonly message: string;
  readonly target: string | undefined;
  readonly additionalInfo: readonly JsonValue[] | undefined;
  readonly path: readonly string[];
}

const MAX_DEPTH = 16;
const MAX_ENVELOPES = 500;
const MAX_MESSAGE = 4_000;

/**
 * What a failed answer of Azure says, down to its deepest cause: through `details`, `innererror`, and messages that are JSON
 * text themselves. Undefined when the value holds no error. Of causes at the same depth the first counts.
 */
export function problemOf(value: unknown, context: ProblemContext = {}): AzureProblem | undefined {
  const budget = { left: MAX_ENVELOPES };
  const [first, ...others] = leavesOf(value, context.path ?? [], budget, 0);
  if (first === undefined) return undefined;
  const deepest = others.reduce((best, leaf) => (leaf.path.length > best.path.length ? leaf : best), first);
  const hide = hiding(context.secrets ?? []);
  const { target, additionalInfo } = deepest;
  const resourceId = context.resourceId ?? (target?.startsWith('/subscriptions/') === true ? target : undefined);
  return {
    code: deepest.code,
    message: hide(deepest.message),
    path: deepest.path,
    ...(target === undefined ? {} : { target: hide(target) }),
    ...(resourceId === undefined ? {} : { resourceId }),
    ...(context.correlationId === undefined ? {} : { correlationId: context.correlationId }),
    ...(context.status === undefined ? {} : { status: context.status }),
    ...(additionalInfo === undefined ? {} : { additionalInfo }),
  };
}

/** How many envelopes stand around the cause of a problem. */
export function depthOf(problem: AzureProblem): number {
  return problem.path.length;
}

/** Removes secrets from a text and cuts it. */
export function hiding(secrets: readonly string[]): (text: string) => string {
  const forms = secrets
    .filter((secret) => secret !== '')
    .flatMap((secret) => [secret, JSON.stringify(secret).slice(1, -1), encodeURIComponent(secret)]);
  return (text) => forms.reduce((shown, form) => shown.replaceAll(form, '[secret]'), text).slice(0, MAX_MESSAGE);
}

function leavesOf(value: unknown, path: readonly string[], budget: { left: number }, depth: number): Envelope[] {
  if (depth > MAX_DEPTH || budget.left <= 0) return [];
  budget.left -= 1;
  const envelope = envelopeOf(value);
  if (envelope === undefined) return [];
  const { code, message, target, additionalInfo, children } = envelope;
  const within = code === undefined ? path : [...path, code];
  const leaves = children.flatMap((child) => leavesOf(child, within, budget, depth + 1));
  if (leaves.length > 0) return leaves.map((leaf) => (leaf.message === '' ? { ...leaf, message } : leaf));
  if (code === undefined && message === '') return [];
  return [{ code: code ?? path.at(-1) ?? 'Unknown', message, target, additionalInfo, path }];
}

function envelopeOf(value: unknown):
  | {
      readonly code: string | undefined;
      readonly message: string;
      readonly target: string | undefined;
      readonly additionalInfo: readonly JsonValue[] | undefined;
      readonly children: readonly unknown[];
    }
  | undefined {
  if (typeof value === 'string') {
    const parsed = embedded(value);
    if (parsed !== undefined) return { ...EMPTY, children: [parsed] };
    return value.trim() === '' ? undefined : { ...EMPTY, message: value };
  }
  if (!isObject(value)) return undefined;
  if (isObject(value['error']) || typeof value['error'] === 'string') {
    // Token endpoints say `{"error": "code", "error_description": "text"}`.
    if (typeof value['error'] === 'string') {
      return { ...EMPTY, code: value['error'], message: textOf(value['error_description']) ?? '' };
    }
    return { ...EMPTY, children: [value['error']] };
  }
  const message = textOf(value['message']) ?? '';
  const within = embedded(message);
  const details = Array.isArray(value['details']) ? (value['details'] as readonly unknown[]) : [];
  const inner = value['innererror'] ?? value['innerError'];
  return {
    code: textOf(value['code']),
    message: within === undefined ? message : '',
    target: textOf(value['target']),
    additionalInfo: Array.isArray(value['additionalInfo'])
      ? (value['additionalInfo'] as readonly JsonValue[])
      : undefined,
    children: [...details, ...(within === undefined ? [] : [within]), ...(inner === undefined ? [] : [inner])],
  };
}

const EMPTY = { code: undefined, message: '', target: undefined, additionalInfo: undefined, children: [] } as const;

/** Providers put the JSON of their own error into the text of a message. */
function embedded(text: string): unknown {
  if (!text.trimStart().startsWith('{')) return undefined;
  try {
    const parsed: unknown = JSON.parse(text);
    return isObject(parsed) && ('error' in parsed || 'code' in parsed || 'message' in parsed) ? parsed : undefined;
  } catch {
    return undefined; // a text that only looks like JSON is a text
  }
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** Whether a value is an object of JSON. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
