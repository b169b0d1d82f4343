import { MalformedError } from '@holdfast/base';

import type { LiteralObject, LiteralValue } from '../rego-literals/index.ts';
import { isLiteralArray, isLiteralObject } from '../rego-literals/index.ts';
import { pointOfSentence } from './denial.ts';
import { parseJsonPrefix } from './json-prefix.ts';
import { objectsOf, stringOf, stringsOf } from './policy-container.ts';

/** What a scraped message tells about a denial. Values of variables were redacted by the guest. */
export interface DecodedDenial {
  /** Enforcement point, from the input or from the sentence around the decision; undefined when neither survived. */
  readonly point: string | undefined;
  readonly errors: readonly string[];
  /** The reason when it is a sentence instead of texts. */
  readonly reasonText: string | undefined;
  readonly policyError: string | undefined;
  /** The guest's view of the request. */
  readonly input: LiteralObject | undefined;
  /** Candidates the guest looked at, when the policy reports them. */
  readonly errorObjects: readonly LiteralObject[];
  /** What the guest itself removed to keep the message short. */
  readonly truncated: readonly string[];
  /** Truncated in transit: the end of the message is missing, and with it whatever stood there. */
  readonly cutOff: boolean;
  /** The decision object, or what is left of it. */
  readonly decision: LiteralObject;
}

const maxMessage = 4 * 1024 * 1024;
const opening = /policyDecision\s*(?:<|\\+u003c)/i;
const closing = /(?:>|\\+u003e)\s*policyDecision/i;
/** Escapes and breaks that runtimes, events and terminals put between characters. */
const noise = /\\+(?:r|n|t|"|')|[\s"'`]/g;

/**
 * Decodes the policy decision inside a message of a container runtime or pod event: text around it, escaped quotes, line
 * breaks and a missing end are tolerated. Throws `CCE_DENIAL_NOT_FOUND` when there is none or nothing of it is readable.
 */
export function decodeDenial(message: string): DecodedDenial {
  const text = message.slice(0, maxMessage);
  const start = opening.exec(text);
  if (start === null) throw notFound('The message carries no policy decision.');
  const rest = text.slice(start.index + start[0].length);
  const end = closing.exec(rest);
  const body = (end === null ? rest : rest.slice(0, end.index)).replace(noise, '');
  const encoded = /^[A-Za-z0-9+/]*/.exec(body)?.[0] ?? '';
  const json = new TextDecoder().decode(Buffer.from(encoded, 'base64'));
  const whole = parseWhole(json);
  const decision = whole ?? parseJsonPrefix(json);
  if (!isLiteralObject(decision)) throw notFound('The policy decision in the message is not readable.');
  return { ...viewDecision(decision, text.slice(0, start.index)), cutOff: end === null || whole === undefined };
}

function viewDecision(decision: LiteralObject, before: string): Omit<DecodedDenial, 'cutOff'> {
  const input = isLiteralObject(decision['input']) ? decision['input'] : undefined;
  const reason = decision['reason'];
  return {
    point: stringOf(input?.['rule']) ?? pointOfSentence(before),
    errors: isLiteralObject(reason) ? textsIn(reason['errors']) : [],
    reasonText: stringOf(reason),
    policyError: stringOf(decision['policyError']),
    input,
    errorObjects: isLiteralObject(reason) ? objectsOf(reason['error_objects']) : [],
    truncated: stringsOf(decision['truncated']) ?? [],
    decision,
  };
}

function textsIn(value: LiteralValue | undefined): readonly string[] {
  return isLiteralArray(value) ? value.filter((item) => typeof item === 'string') : [];
}

function parseWhole(json: string): LiteralValue | undefined {
  try {
    return JSON.parse(json) as LiteralValue;
  } catch {
    // A message cut off in transit; the caller keeps what is complete.
    return undefined;
  }
}

function notFound(problem: string): MalformedError {
  return new MalformedError('CCE_DENIAL_NOT_FOUND', problem, {
    action: 'Copy the whole message, from "policyDecision<" to ">policyDecision".',
  });
}
