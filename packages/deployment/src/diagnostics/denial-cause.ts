import { fromBase64, fromUtf8, PlatformError } from '@holdfast/base';
import { decodeDenial, explainDenial } from '@holdfast/policy';
import type { DecodedDenial, Explanation } from '@holdfast/policy';

import { policyAnnotation, textAt } from '../bundle/shape.ts';
import { cause } from './cause.ts';
import type { DiagnosedCause, Evidence } from './cause.ts';
import { oneLine } from './read-pod.ts';

const LAYER_CAUSES: ReadonlySet<string> = new Set(['LAYER_UNKNOWN', 'LAYERS_MISMATCH', 'OVERLAY_MISSING']);

/** Whether a message carries a decision of the policy. */
export function holdsDenial(message: string): boolean {
  return /policyDecision/i.test(message);
}

/** The cause in a message with a decision of the policy, decoded and, with the policy of the pod, compared with it. */
export function denialCause(message: string, pod: unknown, source: string): DiagnosedCause {
  const decoded = readDenial(message);
  if (decoded === undefined) {
    return cause('policy-denied', [{ source, text: oneLine(message) }], {
      title: 'The policy of the pod denies a step; the decision in the message cannot be read.',
    });
  }
  const explanation = explained(decoded, policyTextOf(pod));
  const id =
    LAYER_CAUSES.has(explanation.primary?.code ?? '') || isLayerText(decoded)
      ? 'image-layers-changed'
      : 'policy-denied';
  const action = id === 'policy-denied' ? explanation.suggestions[0]?.text : undefined;
  return cause(id, evidenceOf(decoded, explanation, source), {
    title: oneLine(explanation.headline),
    ...(action === undefined ? {} : { action: oneLine(action) }),
  });
}

function isLayerText(denial: DecodedDenial): boolean {
  return denial.errors.some((text) => /deviceHash not found/i.test(text));
}

function evidenceOf(denial: DecodedDenial, explanation: Explanation, source: string): readonly Evidence[] {
  const errors =
    denial.errors.length > 0
      ? denial.errors.join('; ')
      : (denial.policyError ?? denial.reasonText ?? 'no reason given');
  const text = `${denial.point ?? 'a step'} was denied: ${errors}`;
  return [{ source, text: oneLine(text) }, ...explanation.notes.map((note) => ({ source, text: oneLine(note) }))];
}

function readDenial(message: string): DecodedDenial | undefined {
  try {
    return decodeDenial(message);
  } catch (error) {
    if (error instanceof PlatformError) return undefined;
    throw error;
  }
}

/** A policy that cannot be read must not hide what the message says. */
function explained(denial: DecodedDenial, policy: string | undefined): Explanation {
  if (policy === undefined) return explainDenial(denial);
  try {
    return explainDenial(denial, policy);
  } catch (error) {
    if (error instanceof PlatformError) return explainDenial(denial);
    throw error;
  }
}

function policyTextOf(pod: unknown): string | undefined {
  const encoded = textAt(pod, 'metadata', 'annotations', policyAnnotation);
  if (encoded === undefined) return undefined;
  try {
    return fromUtf8(fromBase64(encoded));
  } catch (error) {
    if (error instanceof PlatformError) return undefined;
    throw error;
  }
}
