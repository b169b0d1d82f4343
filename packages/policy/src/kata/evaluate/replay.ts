import { MalformedError } from '@holdfast/base';

import { applyJsonPatch } from '../json-patch.ts';
import { isPlainObject } from '../json-shape.ts';
import { checkPolicyData } from '../policy-data-check.ts';
import type { KataPolicyData, KataProfile } from '../policy-data.ts';
import type { KataDecision } from './decision.ts';
import { createKataEnforcer, type KataRequest } from './enforcer.ts';

/** A recorded request with the name of its case and the answer that was recorded, where there is one. */
export interface KataRecordedRequest extends KataRequest {
  readonly name: string | undefined;
  readonly allowed: boolean | undefined;
}

/** One answer of a replay. */
export interface KataReplayedDecision extends KataDecision {
  readonly name?: string;
  /** The recorded answer, where there is one. */
  readonly expected?: boolean;
}

export interface KataReplayOptions {
  /** Text of the policy, or `policy_data`; else the recording must hold it as `policy` or `policyData`. */
  readonly policy?: string | KataPolicyData;
  readonly profile?: KataProfile;
}

/**
 * Replays recorded requests in order against one enforcer, as `policy evaluate --type kata` does. A recording is a list of cases, or
 * an object with `cases` and, optionally, `bases` (requests by name), `policy` (text), `policyData` and `profile`. A case has the
 * request's name as `request` (or `kind` beside an `input`), and either `input` or `base` with a JSON Patch as `patch`.
 * @throws MalformedError KATA_REQUEST_MALFORMED, KATA_PATCH_INVALID, KATA_POLICY_MALFORMED
 * @throws UnsupportedError KATA_RULES_UNKNOWN
 */
export function replayKataRequests(
  recording: unknown,
  options: KataReplayOptions = {},
): { readonly decisions: readonly KataReplayedDecision[] } {
  const enforcer = createKataEnforcer(policyOf(recording, options), options.profile ?? profileOf(recording));
  const decisions = readKataRecording(recording).map((recorded) => ({
    ...(recorded.name === undefined ? {} : { name: recorded.name }),
    ...enforcer.enforce(recorded),
    ...(recorded.allowed === undefined ? {} : { expected: recorded.allowed }),
  }));
  return { decisions };
}

function malformed(message: string, index?: number): MalformedError {
  return new MalformedError('KATA_REQUEST_MALFORMED', message, index === undefined ? {} : { details: { case: index } });
}

function policyOf(recording: unknown, options: KataReplayOptions): string | KataPolicyData {
  if (options.policy !== undefined) return options.policy;
  const own = isPlainObject(recording) ? (recording['policy'] ?? recording['policyData']) : undefined;
  if (typeof own === 'string' && own.includes('\n')) return own;
  if (isPlainObject(own)) return checkPolicyData(own);
  throw malformed('The recording holds no policy; pass one beside it.');
}

function profileOf(recording: unknown): KataProfile | undefined {
  const profile = isPlainObject(recording) ? recording['profile'] : undefined;
  return profile === 'ms' || profile === 'upstream' ? profile : undefined;
}

/**
 * The requests of a recording in order, patches applied.
 * @throws MalformedError KATA_REQUEST_MALFORMED, KATA_PATCH_INVALID
 */
export function readKataRecording(recording: unknown): KataRecordedRequest[] {
  const cases: unknown = isPlainObject(recording) ? recording['cases'] : recording;
  if (!Array.isArray(cases)) throw malformed('A recording is a list of cases or has one as "cases".');
  const bases = isPlainObject(recording) && isPlainObject(recording['bases']) ? recording['bases'] : {};
  return cases.map((item: unknown, index) => readCase(item, bases, index));
}

function readCase(item: unknown, bases: Readonly<Record<string, unknown>>, index: number): KataRecordedRequest {
  if (!isPlainObject(item)) throw malformed('A case is an object.', index);
  const { request, kind, name, description, allowed } = item;
  const type = typeof request === 'string' ? request : kind;
  if (typeof type !== 'string') throw malformed('A case names its request as "request" or "kind".', index);
  const label = typeof name === 'string' ? name : description;
  return {
    type,
    input: inputOf(item, bases, index),
    name: typeof label === 'string' ? label : undefined,
    allowed: typeof allowed === 'boolean' ? allowed : undefined,
  };
}

function inputOf(item: Record<string, unknown>, bases: Readonly<Record<string, unknown>>, index: number): unknown {
  if (item['input'] !== undefined) return item['input'];
  if (isPlainObject(item['request'])) return item['request'];
  const { base } = item;
  if (typeof base !== 'string' || !Object.hasOwn(bases, base))
    throw malformed('A case has an "input" or a known "base".', index);
  return applyJsonPatch(bases[base], item['patch'] ?? []);
}
