/** What goes wrong with a request. */
export type Fault =
  /** Answered with an error, not executed. */
  | {
      readonly kind: 'status';
      readonly status: number;
      readonly code?: string;
      readonly message?: string;
      readonly headers?: Readonly<Record<string, string>>;
    }
  /** The connection breaks before anything is executed. */
  | { readonly kind: 'reset' }
  /** Executed; the connection breaks before the answer. */
  | { readonly kind: 'answer-lost' }
  /** Executed twice, as when a network repeats a request; the second answer is sent. */
  | { readonly kind: 'delivered-twice' }
  /** Executed; the connection breaks inside the body, after so many bytes. */
  | { readonly kind: 'truncated'; readonly bytes: number }
  /** Executed once the promise is kept. */
  | { readonly kind: 'held'; readonly until: Promise<void> }
  /** The operation that is asked about is forgotten: 404, now and later. */
  | { readonly kind: 'operation-forgotten' }
  /** The header `Date` is wrong by so many seconds. */
  | { readonly kind: 'clock-skew'; readonly seconds: number };

export interface FaultRule {
  /** Any method when missing. */
  readonly method?: string;
  /** Part of the path, whose case does not count, or an expression for it; any path when missing. */
  readonly path?: string | RegExp;
  /** Which of the matching requests, from 0; every one when missing. */
  readonly call?: number;
  readonly fault: Fault;
}

/** Faults that requests meet, in the order in which they were planned; the first that fits counts. */
export class FaultPlan {
  readonly #rules: { readonly rule: FaultRule; calls: number }[] = [];

  add(rule: FaultRule): this {
    this.#rules.push({ rule, calls: 0 });
    return this;
  }

  clear(): void {
    this.#rules.length = 0;
  }

  /** The fault of a request. Asking counts the request. */
  next(method: string, path: string): Fault | undefined {
    let found: Fault | undefined;
    for (const entry of this.#rules) {
      const { rule } = entry;
      if (!fits(rule, method, path)) continue;
      const call = entry.calls;
      entry.calls += 1;
      if (found === undefined && (rule.call === undefined || rule.call === call)) found = rule.fault;
    }
    return found;
  }
}

function fits(rule: FaultRule, method: string, path: string): boolean {
  if (rule.method !== undefined && rule.method.toUpperCase() !== method) return false;
  if (rule.path === undefined) return true;
  return typeof rule.path === 'string' ? path.toLowerCase().includes(rule.path.toLowerCase()) : rule.path.test(path);
}
