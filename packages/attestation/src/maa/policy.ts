import { createHash } from 'node:crypto';

import { PolicyError, toBase64Url, toUtf8 } from '@holdfast/base';

import type { JsonObject, JsonValue } from '../json/json.ts';

/** Permits everything and issues nothing. */
export const DEFAULT_ATTESTATION_POLICY = 'version=1.0; authorizationrules { => permit(); }; issuancerules { };';

/** A value in a policy or a claim that rules can see. */
export type PolicyValue = string | number | bigint | boolean;
export type PolicyOperator = '==' | '!=' | '<' | '<=' | '>' | '>=';

/** One test on a claim: its type, its value or who made it. */
export interface PolicyClause {
  readonly field: 'type' | 'value' | 'issuer';
  readonly operator: PolicyOperator;
  readonly operand: PolicyValue;
}

/** A condition holds for every claim that passes all its clauses; the variable names that claim in the action. */
export interface PolicyCondition {
  readonly variable: string | undefined;
  readonly clauses: readonly PolicyClause[];
}

/** A value in an action: written out, or taken from a matched claim. */
export type PolicyOperand =
  | { readonly literal: PolicyValue }
  | { readonly variable: string; readonly field: PolicyClause['field'] };

export type PolicyAction =
  | { readonly kind: 'permit' }
  | { readonly kind: 'deny' }
  | { readonly kind: 'add' | 'issue' | 'issueproperty'; readonly type: PolicyOperand; readonly value: PolicyOperand };

export interface PolicyRule {
  readonly conditions: readonly PolicyCondition[];
  readonly action: PolicyAction;
}

/** An attestation policy of grammar version 1.0. */
export interface AttestationPolicy {
  readonly authorizationRules: readonly PolicyRule[];
  readonly issuanceRules: readonly PolicyRule[];
}

/** `x-ms-policy-hash`: base64url(SHA-256(base64url(UTF-8 policy text))). */
export function attestationPolicyHash(policy: string): string {
  const encoded = toUtf8(toBase64Url(toUtf8(policy)));
  return toBase64Url(createHash('sha256').update(encoded).digest());
}

interface PolicyClaim {
  readonly type: string;
  readonly value: PolicyValue;
  readonly issuer: string;
}

const MAX_MATCHES = 10_000;
const SERVICE = 'AttestationService';
const POLICY = 'AttestationPolicy';

/**
 * Evaluates a policy over the claims of a token and yields the claims it issues. Any deny refuses; otherwise at least
 * one permit is needed. A policy cannot issue a claim that the service itself makes.
 * @throws PolicyError MAA_POLICY_DENIED
 */
export function applyAttestationPolicy(policy: AttestationPolicy, claims: JsonObject): JsonObject {
  const known: PolicyClaim[] = Object.entries(claims).flatMap(([type, value]) =>
    isPolicyValue(value) ? [{ type, value, issuer: SERVICE }] : [],
  );
  let permitted = false;
  let denied = false;
  for (const rule of policy.authorizationRules) {
    for (const bound of matches(rule.conditions, known)) {
      if (rule.action.kind === 'permit') permitted = true;
      else if (rule.action.kind === 'deny') denied = true;
      else known.push(claimOf(rule.action, bound));
    }
  }
  if (denied)
    throw new PolicyError('MAA_POLICY_DENIED', 'an authorization rule of the attestation policy denied the evidence');
  if (!permitted)
    throw new PolicyError(
      'MAA_POLICY_DENIED',
      'no authorization rule of the attestation policy permitted the evidence',
    );

  const issued = new Map<string, JsonValue>();
  for (const rule of policy.issuanceRules) {
    for (const bound of matches(rule.conditions, known)) {
      if (rule.action.kind === 'permit' || rule.action.kind === 'deny') continue;
      const claim = claimOf(rule.action, bound);
      if (rule.action.kind === 'add') known.push(claim);
      if (rule.action.kind !== 'issue') continue;
      if (Object.hasOwn(claims, claim.type) || isReserved(claim.type)) {
        throw new PolicyError(
          'MAA_POLICY_DENIED',
          `the attestation policy issues "${claim.type}", a claim of the service`,
        );
      }
      issued.set(claim.type, claim.value);
    }
  }
  return Object.fromEntries(issued);
}

/** Every way to bind the conditions to claims; one empty binding when there is no condition. */
function matches(
  conditions: readonly PolicyCondition[],
  claims: readonly PolicyClaim[],
): readonly ReadonlyMap<string, PolicyClaim>[] {
  let bindings: readonly ReadonlyMap<string, PolicyClaim>[] = [new Map()];
  for (const { variable, clauses } of conditions) {
    const fitting = claims.filter((claim) => clauses.every((clause) => clauseHolds(clause, claim)));
    if (bindings.length * fitting.length > MAX_MATCHES) {
      throw new PolicyError(
        'MAA_POLICY_DENIED',
        `a rule of the attestation policy matches in more than ${MAX_MATCHES} ways`,
      );
    }
    bindings = bindings.flatMap((binding) =>
      fitting.map((claim) => (variable === undefined ? binding : new Map([...binding, [variable, claim]]))),
    );
  }
  return bindings;
}

function clauseHolds({ field, operator, operand }: PolicyClause, claim: PolicyClaim): boolean {
  const actual = claim[field];
  if (operator === '==') return same(actual, operand);
  if (operator === '!=') return !same(actual, operand);
  if (!isInteger(actual) || !isInteger(operand)) return false;
  switch (operator) {
    case '<':
      return actual < operand;
    case '<=':
      return actual <= operand;
    case '>':
      return actual > operand;
    default:
      return actual >= operand;
  }
}

function same(a: PolicyValue, b: PolicyValue): boolean {
  return isInteger(a) && isInteger(b) ? BigInt(a) === BigInt(b) : a === b;
}

function isInteger(value: PolicyValue): value is number | bigint {
  return typeof value === 'bigint' || (typeof value === 'number' && Number.isSafeInteger(value));
}

function isPolicyValue(value: JsonValue): value is PolicyValue {
  return ['string', 'number', 'bigint', 'boolean'].includes(typeof value);
}

function claimOf(
  action: Extract<PolicyAction, { readonly type: PolicyOperand }>,
  bound: ReadonlyMap<string, PolicyClaim>,
): PolicyClaim {
  return { type: String(resolve(action.type, bound)), value: resolve(action.value, bound), issuer: POLICY };
}

function resolve(operand: PolicyOperand, bound: ReadonlyMap<string, PolicyClaim>): PolicyValue {
  if ('literal' in operand) return operand.literal;
  const claim = bound.get(operand.variable);
  // The parser refuses unknown variables, so this cannot happen for a parsed policy.
  if (claim === undefined) throw new PolicyError('MAA_POLICY_DENIED', `variable "${operand.variable}" is not bound`);
  return claim[operand.field];
}

function isReserved(type: string): boolean {
  return type.startsWith('x-ms-') || ['exp', 'iat', 'iss', 'jti', 'nbf', 'nonce', '__proto__'].includes(type);
}
