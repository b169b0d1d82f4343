/** One reason why a request does not fit. */
export interface KataCause {
  /** Index of the policy's container that was compared, null for conditions on the request alone. */
  readonly container: number | null;
  /** Which rule failed, such as `env`, `mounts` or `root-path`. */
  readonly predicate: string;
  /** What the policy says. */
  readonly policy: unknown;
  /** What the request says. */
  readonly request: unknown;
  /** A sentence for the person who has to act. */
  readonly message: string;
}

/** How one container of the policy compares with a request. */
export interface KataCandidate {
  readonly container: number;
  /** Name of the container in the policy, `pause` for the sandbox. */
  readonly name: string;
  /** Empty when the container matches. In the order in which the rules are checked. */
  readonly causes: readonly KataCause[];
}

/** What the agent would answer to one request. */
export interface KataDecision {
  /** Name of the request, such as `CreateContainerRequest`. */
  readonly request: string;
  readonly allowed: boolean;
  /** Index of the policy's container that admitted the request, where one did. */
  readonly container?: number;
  /** Empty when allowed. Else the causes of the closest candidate, the first one being the primary cause. */
  readonly causes: readonly KataCause[];
  /** All containers of the policy that were compared, when none fits; empty when the request is allowed. */
  readonly candidates: readonly KataCandidate[];
  /** One sentence that says what was decided and why. */
  readonly message: string;
}

/** A rule of the policy that a request does not meet, before it is known to which container it belongs. */
export interface Mismatch {
  readonly policy: unknown;
  readonly request: unknown;
  readonly message: string;
}

/** A named rule. An empty answer means that it holds. */
export interface Check<Context> {
  readonly predicate: string;
  readonly check: (context: Context) => readonly Mismatch[];
}

/** All causes that a list of rules finds, in the order of the rules. */
export function runChecks<Context>(
  checks: readonly Check<Context>[],
  context: Context,
  container: number | null,
): KataCause[] {
  return checks.flatMap(({ predicate, check }) =>
    check(context).map((mismatch) => ({ container, predicate, ...mismatch })),
  );
}

/** The mismatch of two values that should be equal; nothing when they are. */
export function unequal(what: string, policy: unknown, request: unknown): Mismatch[] {
  if (policy === request) return [];
  return [{ policy, request, message: `The ${what} must be ${show(policy)}, the request has ${show(request)}.` }];
}

/** A value in a message, cut to a readable length. */
export function show(value: unknown): string {
  const text = value === undefined ? 'nothing' : JSON.stringify(value);
  return text.length > 300 ? `${text.slice(0, 300)}…` : text;
}

export function allowed(request: string, container?: number): KataDecision {
  const by = container === undefined ? '' : ` by container ${container} of the policy`;
  return {
    request,
    allowed: true,
    ...(container === undefined ? {} : { container }),
    causes: [],
    candidates: [],
    message: `${request} is allowed${by}.`,
  };
}

export function denied(
  request: string,
  causes: readonly KataCause[],
  candidates: readonly KataCandidate[] = [],
): KataDecision {
  const [first] = causes;
  const near = candidates.find(({ container }) => container === first?.container);
  const where = near === undefined ? '' : ` Container ${near.container} of the policy (${near.name}) comes closest.`;
  const message = `${request} is denied.${where} ${first?.message ?? 'No rule allows it.'}`;
  return { request, allowed: false, causes, candidates, message };
}

/**
 * The candidate that was most likely meant: the fewest rules fail for it, and, among equals, the first failing rule comes latest.
 */
export function closest(candidates: readonly KataCandidate[], order: readonly string[]): KataCandidate | undefined {
  const failing = ({ causes }: KataCandidate): number => new Set(causes.map(({ predicate }) => predicate)).size;
  const depth = ({ causes: [first] }: KataCandidate): number =>
    first === undefined ? order.length : order.indexOf(first.predicate);
  return candidates.toSorted((a, b) => failing(a) - failing(b) || depth(b) - depth(a))[0];
}
