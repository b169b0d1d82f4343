import { TRUST_CLAIMS, trustTier } from '@holdfast/attestation';
import type { JsonObject, TrustVector } from '@holdfast/attestation';
import { equalRegoValues, regoToJson, RegoArray, RegoSet } from '@holdfast/policy';
import type { RegoEngine, RegoJson, RegoObservation, RegoValue } from '@holdfast/policy';

/** A reference value that kept a claim from being affirmed: measurements of both sides, never a secret. */
export interface UnmetReference {
  /** The rule that wanted it, which for the policies that come with a broker is the trust claim. */
  readonly claim: string;
  readonly reference: string;
  /** As JSON; `nothing` when there is no such reference value. */
  readonly expected: string;
  /** As JSON; missing when the policy looked at the reference value without comparing it. */
  readonly received?: string;
}

const MAX_UNMET = 16;
const MAX_CALLS = 256;
/** A policy that compares more often is explained by what it compared first. */
const MAX_COMPARISONS = 1000;
const MAX_TEXT = 200;

/**
 * Says which reference values evidence did not meet, by asking the policy once more and watching what it compares. Rules
 * whose claim is affirmed are left out; so is everything that was not compared with a reference value.
 * @param vector what it answered to this evidence
 * @param engine the policy, with the same reference values
 */
export function unmetReferences(
  vector: TrustVector,
  engine: RegoEngine,
  evidence: JsonObject,
): readonly UnmetReference[] {
  const trace = new ReferenceTrace();
  engine.query('data.policy.trust_claims', {
    input: evidence as RegoJson,
    observe: (observation) => trace.add(observation),
  });
  return trace.unmet(vector);
}

interface Lookup {
  readonly claim: string;
  readonly reference: string;
  readonly value: RegoValue;
  compared: boolean;
}

class ReferenceTrace {
  readonly #lookups: Lookup[] = [];
  readonly #found = new Map<string, UnmetReference>();
  #comparisons = 0;

  add(observation: RegoObservation): void {
    if (observation.kind === 'host-call') {
      const [reference] = observation.values;
      if (typeof reference !== 'string' || this.#lookups.length >= MAX_CALLS) return;
      const claim = claimOf(observation.rules);
      this.#lookups.push({ claim, reference, value: observation.result ?? null, compared: false });
      return;
    }
    this.#comparisons += 1;
    if (this.#comparisons > MAX_COMPARISONS) return;
    const { operator, left, right, holds } = observation;
    const lookup = this.#lookups.findLast(
      ({ value }) => isFrom(value, right) || (operator !== 'in' && isFrom(value, left)),
    );
    if (lookup === undefined) return;
    lookup.compared = true;
    if (holds) return;
    const received = isFrom(lookup.value, right) ? left : right;
    const claim = claimOf(observation.rules);
    this.#note({ claim, reference: lookup.reference, ...sides(lookup.value, received) });
  }

  unmet(vector: TrustVector): readonly UnmetReference[] {
    for (const { claim, reference, value, compared } of this.#lookups) {
      if (value === null && !compared) this.#note({ claim, reference, expected: 'nothing' });
    }
    const affirmed = new Set<string>(
      TRUST_CLAIMS.filter((name) => vector[name] !== undefined && trustTier(vector[name]) === 'affirming'),
    );
    return [...this.#found.values()].filter(({ claim }) => !affirmed.has(claim)).slice(0, MAX_UNMET);
  }

  #note(unmet: UnmetReference): void {
    const key = `${unmet.claim} ${unmet.reference} ${unmet.received ?? ''}`;
    if (this.#found.size < MAX_CALLS && !this.#found.has(key)) this.#found.set(key, unmet);
  }
}

/** `data.policy.executables` among the rules that wait is the claim; `trust_claims` waits for all of them. */
function claimOf(rules: readonly string[]): string {
  const name = rules.find((rule) => rule !== 'data.policy.trust_claims') ?? 'trust_claims';
  return name.replace(/^data\.policy\./, '');
}

/** Whether an operand is a reference value, or one of its elements. */
function isFrom(reference: RegoValue, operand: RegoValue): boolean {
  if (equalRegoValues(reference, operand)) return true;
  if (reference instanceof RegoArray) return reference.items.some((item) => equalRegoValues(item, operand));
  return reference instanceof RegoSet && reference.has(operand);
}

function sides(expected: RegoValue, received: RegoValue): Pick<UnmetReference, 'expected' | 'received'> {
  return { expected: expected === null ? 'nothing' : textOf(expected), received: textOf(received) };
}

function textOf(value: RegoValue): string {
  const json = regoToJson(value);
  const text = JSON.stringify(json, (_, part: unknown) => (typeof part === 'bigint' ? String(part) : part));
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text;
}
