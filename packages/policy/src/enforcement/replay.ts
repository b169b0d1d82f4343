import { RequestError } from '@holdfast/base';
import { z } from 'zod';

import type { CceEnforcer } from './enforcer.ts';
import { createCceEnforcer } from './enforcer.ts';
import type { Decision } from './decision.ts';
import type { LiteralValue } from '../rego-literals/index.ts';
import { isLiteralArray, isLiteralObject } from '../rego-literals/index.ts';

const recordingSchema = z.object({
  /** The policy itself. */
  policyText: z.string().optional(),
  /** Or where it lies; the caller reads it. */
  policy: z.string().optional(),
  maxErrorMessageLength: z.number().int().nonnegative().optional(),
  frameworkVersion: z.string().optional(),
  apiVersion: z.string().optional(),
  os: z.string().optional(),
  steps: z.array(z.object({ point: z.string(), input: z.unknown().optional() })).max(100_000),
});

/** Enforcement steps with the policy they were recorded for. */
export type CceRecording = z.output<typeof recordingSchema>;

/** A decision in the form of the recordings: what the guest's caller can see. */
export interface ReplayedDecision {
  readonly point: string;
  readonly allowed: boolean;
  /** The texts in the reason; null when allowed, or when the reason is a sentence or was cut off. */
  readonly errors: readonly string[] | null;
  readonly envToKeep?: readonly string[];
  readonly capsToKeep?: Readonly<Record<string, readonly string[]>>;
  readonly allowStdioAccess?: boolean;
  readonly reasonText?: string;
  readonly policyError?: string;
  readonly plainError?: string;
  readonly truncated?: readonly string[];
  /** The decision object inside the encoded denial. */
  readonly decision?: Readonly<Record<string, LiteralValue>>;
  /** The encoded denial. */
  readonly denial?: string;
}

/** Checks the JSON of a recording. Throws `CCE_REPLAY_INVALID`. */
export function parseCceRecording(value: unknown): CceRecording {
  const result = recordingSchema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const path = issue?.path.map(String).join('.') ?? '';
  throw new RequestError(
    'CCE_REPLAY_INVALID',
    `The recording is invalid: ${path === '' ? '' : `${path}: `}${issue?.message ?? 'unknown'}.`,
    { details: { path }, action: 'Give a JSON object with "policy" or "policyText", and a list "steps".' },
  );
}

/**
 * Plays a recording: `policyText` is the text it names (or carries). Throws what `createCceEnforcer` and `enforce` throw,
 * and `CCE_REPLAY_INVALID` when there is no policy text.
 */
export function replayCceRecording(
  recording: CceRecording,
  policyText: string | undefined = recording.policyText,
): { readonly decisions: readonly ReplayedDecision[] } {
  if (policyText === undefined) {
    throw new RequestError('CCE_REPLAY_INVALID', 'The recording carries no policy text.');
  }
  const { frameworkVersion, apiVersion, os, maxErrorMessageLength } = recording;
  const enforcer: CceEnforcer = createCceEnforcer(policyText, {
    ...(frameworkVersion === undefined ? {} : { frameworkVersion }),
    ...(apiVersion === undefined ? {} : { apiVersion }),
    ...(os === undefined ? {} : { os }),
    ...(maxErrorMessageLength === undefined ? {} : { denialLimit: maxErrorMessageLength }),
  });
  return { decisions: recording.steps.map((step) => replayedDecision(enforcer.enforce(step))) };
}

export function replayedDecision(decision: Decision): ReplayedDecision {
  const { denial, keptEnv, keptCapabilities, allowStdio, policyError, plainError } = decision;
  const reason = denial?.decision['reason'];
  const errors = isLiteralObject(reason) ? reason['errors'] : undefined;
  return {
    point: decision.point,
    allowed: decision.allowed,
    errors: isLiteralArray(errors) ? (errors as readonly string[]) : null,
    ...(keptEnv === undefined ? {} : { envToKeep: sorted(keptEnv) }),
    ...(keptCapabilities === undefined ? {} : { capsToKeep: shownSets({ ...keptCapabilities }) }),
    ...(allowStdio === undefined ? {} : { allowStdioAccess: allowStdio }),
    ...(typeof reason === 'string' ? { reasonText: reason } : {}),
    ...(policyError === undefined ? {} : { policyError }),
    ...(plainError === undefined ? {} : { plainError }),
    ...(denial === undefined || denial.truncated.length === 0 ? {} : { truncated: denial.truncated }),
    ...(denial === undefined ? {} : { decision: denial.decision, denial: denial.text }),
  };
}

/** Recordings leave out empty sets and sort the others. */
function shownSets(sets: Readonly<Record<string, readonly string[]>>): Readonly<Record<string, readonly string[]>> {
  const shown = Object.entries(sets).filter(([, capabilities]) => capabilities.length > 0);
  return Object.fromEntries(shown.map(([name, capabilities]) => [name, sorted(capabilities)]));
}

function sorted(texts: readonly string[]): readonly string[] {
  return [...texts].sort();
}
