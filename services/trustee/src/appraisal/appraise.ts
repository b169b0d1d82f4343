import { isJsonObject, readTrustVector, TRUST_CLAIMS, trustStatus } from '@holdfast/attestation';
import type { EarAppraisal, JsonObject, JsonValue } from '@holdfast/attestation';
import { PolicyError } from '@holdfast/base';
import { regoToJson } from '@holdfast/policy';
import type { RegoEngine, RegoJson, RegoValue } from '@holdfast/policy';

import type { ReferenceValues } from '../reference-values/reference-value-service.ts';
import { unmetReferences } from './explain.ts';
import type { UnmetReference } from './explain.ts';
import type { CompiledPolicy, PolicyStore } from './policy-store.ts';

const RESERVED_MEMBERS = new Set([
  'ear.status',
  'ear.trustworthiness-vector',
  'ear.appraisal-policy-id',
  'ear.veraison.annotated-evidence',
]);
const MAX_REFERENCE_ROUNDS = 64;
const MAX_REMEMBERED = 256;
const QUERY_LIMIT_MS = 10_000;

/** What became of one device, and for the log why it is not affirmed. */
export interface Appraisal {
  readonly appraisal: EarAppraisal;
  readonly unmet: readonly UnmetReference[];
}

/**
 * Appraises one device by the stored policy `<id>_<class>.rego`.
 * @param evidence the policy's input, which the token publishes
 * @throws PolicyError TRUSTEE_APPRAISAL_FAILED, EAR_CLAIM_UNKNOWN, EAR_CLAIM_OUT_OF_RANGE
 * @throws MalformedError, UnsupportedError with the REGO_ codes of the policy package
 */
export async function appraise(
  policies: PolicyStore,
  references: ReferenceValues,
  question: { readonly policyId: string; readonly teeClass: string; readonly evidence: JsonObject },
): Promise<Appraisal> {
  const { policyId, teeClass, evidence } = question;
  const key = `${policyId}_${teeClass}.rego`;
  const policy = await policies.load(key);
  if (policy === undefined) throw failed(`there is no attestation policy ${key}`);
  const kind = Object.keys(evidence)[0] ?? '';
  return await withReferences(policy, references, kind, (engine) => {
    const hasClaims = engine.hasRule('data.policy.trust_claims');
    const claims = engine.query('data.policy.trust_claims', { input: evidence as RegoJson });
    const extensions = engine.hasRule('data.policy.extensions')
      ? engine.query('data.policy.extensions', { input: evidence as RegoJson })
      : undefined;
    return () => {
      const vector = hasClaims ? vectorOf(claims, key) : unclaimed;
      const isAffirmed = trustStatus(vector) === 'affirming';
      return {
        appraisal: { vector, policyId, evidence, extensions: extensionsOf(extensions, key) },
        unmet: isAffirmed ? [] : unmetReferences(vector, engine, evidence),
      };
    };
  });
}

const unclaimed = Object.fromEntries(TRUST_CLAIMS.map((name) => [name, 0]));

/**
 * Evaluates with reference values. The language is synchronous and the store is not: what a run asks for and misses is
 * fetched, and the run repeated, until nothing is missing; then the conclusion of the last run is drawn. What earlier runs
 * for the same kind of evidence asked for is fetched at once.
 */
async function withReferences<T>(
  policy: CompiledPolicy,
  references: ReferenceValues,
  kind: string,
  question: (engine: RegoEngine) => () => T,
): Promise<T> {
  const values = new Map<string, JsonValue>();
  const asked = policy.askedFor(kind);
  const fetch = async (id: string): Promise<void> => {
    values.set(id, (await withinLimit(references.query(id))) ?? null);
  };
  await Promise.all([...asked].map(fetch));
  for (let round = 0; round < MAX_REFERENCE_ROUNDS; round++) {
    const missing = new Set<string>();
    const lookup = (id: RegoValue | undefined): RegoJson | undefined => {
      if (typeof id !== 'string') return undefined;
      const value = values.get(id);
      if (value === undefined) missing.add(id);
      return value ?? null;
    };
    let answer: { readonly conclude: () => T } | { readonly error: unknown };
    try {
      answer = { conclude: policy.ask(lookup, question) };
    } catch (error) {
      answer = { error };
    }
    if (missing.size === 0) {
      if ('error' in answer) throw answer.error;
      return policy.ask(lookup, answer.conclude);
    }
    await Promise.all([...missing].map(fetch));
    for (const id of missing) if (asked.size < MAX_REMEMBERED) asked.add(id);
  }
  throw failed('the policy asks for more and more reference values');
}

async function withinLimit<T>(query: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(failed('a reference value did not arrive in time')), QUERY_LIMIT_MS);
  });
  try {
    return await Promise.race([query, limit]);
  } finally {
    clearTimeout(timer);
  }
}

function vectorOf(claims: RegoValue | undefined, key: string): EarAppraisal['vector'] {
  const json = claims === undefined ? undefined : (regoToJson(claims) as JsonValue);
  if (!isJsonObject(json) || Object.keys(json).length === 0) {
    throw failed(`${key}: \`trust_claims\` is no object of trust claims for this evidence`);
  }
  return readTrustVector(json);
}

function extensionsOf(extensions: RegoValue | undefined, key: string): Readonly<Record<string, JsonValue>> {
  if (extensions === undefined) return {};
  const list = regoToJson(extensions) as JsonValue;
  if (!Array.isArray(list)) throw failed(`${key}: \`extensions\` is no list`);
  const members = (list as readonly JsonValue[]).map((item): [string, JsonValue] => {
    const { name, key: number, value } = isJsonObject(item) ? item : {};
    if (typeof name !== 'string' || typeof number !== 'number' || value === undefined || RESERVED_MEMBERS.has(name)) {
      throw failed(`${key}: an extension has to have a name of its own, an integer key and a value`);
    }
    return [name, value];
  });
  return Object.fromEntries(members);
}

function failed(problem: string): PolicyError {
  return new PolicyError('TRUSTEE_APPRAISAL_FAILED', problem);
}
