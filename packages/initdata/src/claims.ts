import { parseInitdata } from './document.ts';
import { parseToml } from './toml.ts';

/** JSON, as claims are. */
export type ClaimValue =
  | string
  | number
  | boolean
  | null
  | readonly ClaimValue[]
  | { readonly [name: string]: ClaimValue };

/**
 * The entries of a document as an attestation service puts them into `init_data_claims`: `aa.toml` and `cdh.toml` as JSON where they
 * are TOML; `policy.rego` as `agent_policy_claims`, its `policy_data`, where the policy ends with one; everything else as text.
 * @throws the errors of `parseInitdata`
 */
export function initdataClaims(document: string): Readonly<Record<string, ClaimValue>> {
  const { data } = parseInitdata(document);
  const claims = [...data].map(([name, text]): [string, ClaimValue] => {
    if (name === 'aa.toml' || name === 'cdh.toml') return [name, tomlClaims(text) ?? text];
    if (name !== 'policy.rego') return [name, text];
    const policyData = agentPolicyClaims(text);
    return policyData === undefined ? [name, text] : ['agent_policy_claims', policyData];
  });
  return Object.fromEntries(claims);
}

function tomlClaims(text: string): ClaimValue | undefined {
  try {
    return asClaim(parseToml(text, 'an entry', 'INITDATA_TOML_INVALID'));
  } catch {
    // What has no form in JSON stays text: it is still evidence of what the guest was given.
    return undefined;
  }
}

function asClaim(value: unknown): ClaimValue {
  if (typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value)) return value.map(asClaim);
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, asClaim(member)]));
  }
  // Integers beyond 2^53, infinities and not-a-numbers have no JSON that every reader takes for the same value.
  throw new RangeError('the value has no form in JSON');
}

const POLICY_DATA = 'policy_data := {';

function agentPolicyClaims(policy: string): ClaimValue | undefined {
  const at = policy.indexOf(POLICY_DATA);
  if (at === -1) return undefined;
  try {
    return JSON.parse(policy.slice(at + POLICY_DATA.length - 1)) as ClaimValue;
  } catch {
    // A policy written by hand need not end with its data.
    return undefined;
  }
}
