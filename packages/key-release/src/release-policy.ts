import { formatJson, isJsonObject, member, parseJsonObject } from '@holdfast/attestation';
import type { JsonObject, JsonValue } from '@holdfast/attestation';
import { errorMessage, fromBase64, fromBase64Url, fromUtf8, RequestError, toBase64Url, toUtf8 } from '@holdfast/base';

/** A value that a condition compares with. */
export type ReleaseValue = string | number | bigint | boolean;

/** One claim that must have a value, or a group of conditions. */
export type ReleaseCondition =
  | { readonly claim: string; readonly equals: ReleaseValue }
  | { readonly anyOf: readonly ReleaseCondition[] }
  | { readonly allOf: readonly ReleaseCondition[] };

/** An attestation service and what its tokens must say. */
export type ReleaseAuthority = { readonly authority: string } & (
  | { readonly anyOf: readonly ReleaseCondition[] }
  | { readonly allOf: readonly ReleaseCondition[] }
);

/** A key release policy of Azure Key Vault, grammar version 1.0.0. */
export interface ReleasePolicy {
  readonly version: '1.0.0';
  readonly anyOf: readonly ReleaseAuthority[];
}

const CODE = 'RELEASE_POLICY_INVALID';
const MAX_BYTES = 64 * 1024;
const MAX_DEPTH = 8;
const VERSIONS = ['1.0.0', '1.0', '0.2'];
/** Operators that the grammar reserves and that no vault evaluates. */
const RESERVED = ['notEquals', 'less', 'lessOrEquals', 'greater', 'greaterOrEquals', 'exists'];

/**
 * Reads and normalises a release policy, at most 64 KiB of JSON. Conditions in the older form `{"claim", "condition":
 * "equals", "value"}` and the versions "1.0" and "0.2" are read as their newer forms.
 * @param options.trailingCommas Accept a comma before `]` or `}`, which set-up scripts in circulation write.
 * @throws RequestError RELEASE_POLICY_INVALID
 * @see Azure Key Vault secure key release policy grammar
 */
export function parseReleasePolicy(
  json: string | Uint8Array,
  options: { readonly trailingCommas?: boolean } = {},
): ReleasePolicy {
  if (json.length > MAX_BYTES) throw invalid(`${json.length} bytes, at most ${MAX_BYTES}`);
  let policy: JsonObject;
  try {
    const text = typeof json === 'string' ? json : fromUtf8(json);
    policy = parseJsonObject(options.trailingCommas === true ? withoutTrailingCommas(text) : text, CODE);
  } catch (cause) {
    throw new RequestError(CODE, `release policy: ${errorMessage(cause)}`, { cause });
  }
  assertMembers(policy, ['version', 'anyOf'], 'the policy');
  const version = member(policy, 'version');
  if (typeof version !== 'string' || !VERSIONS.includes(version)) throw invalid('"version" is not "1.0.0"');
  return {
    version: '1.0.0',
    anyOf: listOf(member(policy, 'anyOf'), 'anyOf').map((item, index) => readAuthority(item, `anyOf[${index}]`)),
  };
}

/** The policy as compact JSON, as a vault writes it: version, anyOf; authority, then its conditions. */
export function formatReleasePolicy(policy: ReleasePolicy): string {
  return formatJson({ version: policy.version, anyOf: policy.anyOf });
}

/** The member `data` of `release_policy`: URL-safe Base64 without padding. */
export function encodeReleasePolicy(policy: ReleasePolicy): string {
  return toBase64Url(toUtf8(formatReleasePolicy(policy)));
}

/**
 * Reads the member `data` of `release_policy`: URL-safe or standard Base64, with or without padding.
 * @throws RequestError RELEASE_POLICY_INVALID
 */
export function decodeReleasePolicy(data: string, options: { readonly trailingCommas?: boolean } = {}): ReleasePolicy {
  let bytes: Uint8Array;
  try {
    const bare = data.replace(/={1,2}$/, '');
    bytes = /[+/]/.test(bare) ? fromBase64(bare.padEnd(Math.ceil(bare.length / 4) * 4, '=')) : fromBase64Url(bare);
  } catch (cause) {
    throw new RequestError(CODE, `release policy: ${errorMessage(cause)}`, { cause });
  }
  return parseReleasePolicy(bytes, options);
}

/**
 * Whether a token's issuer is the authority: compared without case after taking off one trailing slash from each. An
 * authority is an origin, so there is nothing but host and port to compare.
 */
export function isAuthority(authority: string, issuer: string): boolean {
  return withoutSlash(authority).toLowerCase() === withoutSlash(issuer).toLowerCase();
}

/** The claim of a condition that does not hold, for the log of the vault. Values are those of the policy, never the token's. */
export interface UnmetCondition {
  readonly claim: string;
  readonly expected: string;
  readonly problem: 'missing' | 'not a single value' | 'different';
}

export interface ReleaseVerdict {
  readonly satisfied: boolean;
  /** Empty when satisfied. */
  readonly unmet: readonly UnmetCondition[];
}

/** Whether the claims of a verified token satisfy the conditions of an authority, with every condition that fails. */
export function evaluateAuthority(authority: ReleaseAuthority, claims: JsonObject): ReleaseVerdict {
  const unmet: UnmetCondition[] = [];
  const satisfied = groupHolds(authority, claims, unmet);
  return { satisfied, unmet: satisfied ? [] : unmet };
}

function groupHolds(
  group: { readonly anyOf: readonly ReleaseCondition[] } | { readonly allOf: readonly ReleaseCondition[] },
  claims: JsonObject,
  unmet: UnmetCondition[],
): boolean {
  const conditions = 'anyOf' in group ? group.anyOf : group.allOf;
  // All are evaluated, so that the log of a refusal names every claim at once.
  const held = conditions.map((condition) => conditionHolds(condition, claims, unmet));
  return 'anyOf' in group ? held.includes(true) : !held.includes(false);
}

function conditionHolds(condition: ReleaseCondition, claims: JsonObject, unmet: UnmetCondition[]): boolean {
  if (!('claim' in condition)) return groupHolds(condition, claims, unmet);
  const expected = textOf(condition.equals);
  const claim = findClaim(claims, condition.claim);
  const actual = claim === undefined ? undefined : textOf(claim);
  if (expected !== undefined && actual === expected) return true;
  const problem = claim === undefined ? 'missing' : actual === undefined ? 'not a single value' : 'different';
  unmet.push({ claim: condition.claim, expected: expected ?? String(condition.equals), problem });
  return false;
}

/** A claim by its whole name, else by descending at dots through objects. Own members only. */
function findClaim(claims: JsonObject, name: string): JsonValue | undefined {
  const whole = member(claims, name);
  if (whole !== undefined) return whole;
  let value: JsonValue | undefined = claims;
  for (const part of name.split('.')) {
    if (!isJsonObject(value)) return undefined;
    value = member(value, part);
  }
  return value;
}

/** Values are compared as text: deployed policies say "true" and "0" for booleans and numbers. Undefined never matches. */
function textOf(value: JsonValue): string | undefined {
  switch (typeof value) {
    case 'string':
      return value;
    case 'boolean':
    case 'bigint':
      return value.toString();
    case 'number':
      return Number.isSafeInteger(value) ? value.toString() : undefined;
    default:
      return undefined;
  }
}

function readAuthority(value: JsonValue, at: string): ReleaseAuthority {
  if (!isJsonObject(value)) throw invalid(`${at} is not an object`);
  const authority = member(value, 'authority');
  if (typeof authority !== 'string') throw invalid(`${at}.authority is missing`);
  return { authority: readOrigin(authority, `${at}.authority`), ...readGroup(value, at, ['authority'], 1) };
}

function readOrigin(text: string, at: string): string {
  const url = URL.parse(text);
  const bare = withoutSlash(text);
  if (url === null || url.protocol !== 'https:' || bare.toLowerCase() !== url.origin) {
    throw invalid(`${at} is not an https URL of a host alone`);
  }
  return bare.toLowerCase() === bare ? text : text.toLowerCase();
}

/** Exactly one of anyOf and allOf, beside the members `also`. */
function readGroup(
  value: JsonObject,
  at: string,
  also: readonly string[],
  depth: number,
): { readonly anyOf: readonly ReleaseCondition[] } | { readonly allOf: readonly ReleaseCondition[] } {
  assertMembers(value, [...also, 'anyOf', 'allOf'], at);
  if (depth > MAX_DEPTH) throw invalid(`${at} is deeper than ${MAX_DEPTH} levels`);
  const anyOf = member(value, 'anyOf');
  const allOf = member(value, 'allOf');
  if ((anyOf === undefined) === (allOf === undefined)) throw invalid(`${at} needs exactly one of "anyOf" and "allOf"`);
  const read = (items: JsonValue | undefined, name: string): ReleaseCondition[] =>
    listOf(items, `${at}.${name}`).map((item, index) => readCondition(item, `${at}.${name}[${index}]`, depth + 1));
  return anyOf === undefined ? { allOf: read(allOf, 'allOf') } : { anyOf: read(anyOf, 'anyOf') };
}

function readCondition(value: JsonValue, at: string, depth: number): ReleaseCondition {
  if (!isJsonObject(value)) throw invalid(`${at} is not an object`);
  const claim = member(value, 'claim');
  if (claim === undefined) return readGroup(value, at, [], depth);
  if (typeof claim !== 'string' || claim === '') throw invalid(`${at}.claim is not a name`);
  if (claim.split('.').some((part) => part === '' || part === '__proto__')) throw invalid(`${at}.claim is not a path`);
  const reserved = RESERVED.find((name) => Object.hasOwn(value, name));
  if (reserved !== undefined) throw invalid(`${at}: the operator "${reserved}" is reserved; use "equals"`);
  const older = Object.hasOwn(value, 'condition');
  assertMembers(value, older ? ['claim', 'condition', 'value'] : ['claim', 'equals'], at);
  if (older && member(value, 'condition') !== 'equals') throw invalid(`${at}.condition is not "equals"`);
  const expected = member(value, older ? 'value' : 'equals');
  if (!isReleaseValue(expected)) throw invalid(`${at} compares with something that is not a single value`);
  return { claim, equals: expected };
}

function isReleaseValue(value: JsonValue | undefined): value is ReleaseValue {
  return ['string', 'number', 'bigint', 'boolean'].includes(typeof value);
}

function listOf(value: JsonValue | undefined, at: string): readonly JsonValue[] {
  if (!Array.isArray(value) || value.length === 0) throw invalid(`${at} is not a list with at least one entry`);
  return value as readonly JsonValue[];
}

function assertMembers(object: JsonObject, allowed: readonly string[], at: string): void {
  const strange = Object.keys(object).find((name) => !allowed.includes(name));
  if (strange !== undefined) throw invalid(`${at} has an unknown member ${JSON.stringify(strange.slice(0, 64))}`);
}

/** Takes out commas that stand before `]` or `}`, outside of strings. */
function withoutTrailingCommas(json: string): string {
  return json.replaceAll(/("(?:[^"\\]|\\.)*")|,(?=\s*[\]}])/g, (_match, text: string | undefined) => text ?? '');
}

function withoutSlash(url: string): string {
  return url.endsWith('/') ? url.slice(0, -1) : url;
}

function invalid(problem: string): RequestError {
  return new RequestError(CODE, `release policy: ${problem}`, {
    action: 'See the key release policy grammar of Azure Key Vault.',
  });
}
