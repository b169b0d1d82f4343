import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { loadVectors, vectorsFolder } from '@holdfast/base/testing';
import { describe, expect, it } from 'vitest';

import type { ReplayedDecision } from '../../src/enforcement/index.ts';
import { parseCceRecording, replayCceRecording } from '../../src/enforcement/index.ts';

interface VectorStep {
  readonly [member: string]: unknown;
}

const folder = vectorsFolder();
const index = loadVectors('policy/index.json') as { cases: { id: string; kind: string; file: string }[] } | undefined;
const cases = (index?.cases ?? []).filter((entry) => entry.kind === 'cce-decision');

describe.skipIf(cases.length === 0)('createCceEnforcer decides as the guest framework was recorded to decide', () => {
  it.each(cases)('$id', ({ file }) => {
    const text = (name: string): string => readFileSync(join(folder ?? '', 'policy', name), 'utf8');
    const vector = JSON.parse(text(file)) as { policy: string; steps: VectorStep[] };
    const { decisions } = replayCceRecording(parseCceRecording(vector), text(vector.policy));
    expect(decisions.map(recordable)).toEqual(vector.steps.map((step) => recordable(expectedOf(step))));
  });
});

/** What recordings hold; the encoded denial as length and digest. */
function recordable(decision: ReplayedDecision | VectorStep): object {
  const { point, allowed, errors, envToKeep, capsToKeep, allowStdioAccess } = decision;
  const { reasonText, policyError, plainError, truncated, denial } = decision;
  const startsInContainer = point === 'create_container' || point === 'exec_in_container';
  const shownDecision = decision['decision'];
  return {
    point,
    allowed,
    errors: errors ?? null,
    ...(startsInContainer ? { envToKeep, capsToKeep, allowStdioAccess } : {}),
    reasonText,
    policyError,
    plainError,
    truncated,
    decision: shownDecision ?? undefined,
    denial: typeof denial === 'string' ? [denial.length, sha256(denial)] : denial,
  };
}

function expectedOf(step: VectorStep): VectorStep {
  const encoded = step['rawErrorSha256'] !== undefined && step['plainError'] === undefined;
  return { ...step, denial: encoded ? [step['rawErrorLength'], step['rawErrorSha256']] : undefined };
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
