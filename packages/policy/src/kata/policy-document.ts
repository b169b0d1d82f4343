import { createHash } from 'node:crypto';

import { MalformedError } from '@holdfast/base';

import { checkPolicyData } from './policy-data-check.ts';
import type { KataPolicyData } from './policy-data.ts';
import { writePolicyJson } from './policy-json.ts';

/** A policy taken apart. */
export interface KataPolicyDocument {
  /** Everything before `policy_data`, as the rules file had it. */
  readonly rules: string;
  /** SHA-256 of `rules`, in hex. */
  readonly rulesSha256: string;
  readonly policyData: KataPolicyData;
  /** Length of the whole text in UTF-8. */
  readonly sizeBytes: number;
  /** SHA-256 of the whole text, in hex: the agent's measurement in the MS profile. */
  readonly sha256: string;
}

const assignment = '\npolicy_data := ';

/** SHA-256 of a text's UTF-8 bytes, in hex. */
export function textSha256(text: string): string {
  return createHash('sha256').update(text, 'utf8').digest('hex');
}

/** The text of a policy: the rules file as it is, a line feed, and `policy_data`, without a line feed at the end. */
export function writeKataPolicy(rules: string, policyData: KataPolicyData): string {
  return `${rules}${assignment}${writePolicyJson(policyData)}`;
}

/**
 * Takes the text of a policy apart.
 * @throws MalformedError KATA_POLICY_MALFORMED
 */
export function parseKataPolicy(text: string): KataPolicyDocument {
  const at = text.lastIndexOf(assignment);
  if (at === -1) {
    throw new MalformedError('KATA_POLICY_MALFORMED', 'The text has no line that starts with "policy_data := ".', {
      action: 'Pass the decoded annotation of the pod, or the policy as it was printed.',
    });
  }
  const rules = text.slice(0, at);
  const policyData = parsePolicyData(text.slice(at + assignment.length));
  const sizeBytes = Buffer.byteLength(text, 'utf8');
  return { rules, rulesSha256: textSha256(rules), policyData, sizeBytes, sha256: textSha256(text) };
}

/**
 * Reads the JSON text of a `policy_data` value and checks its shape.
 * @throws MalformedError KATA_POLICY_MALFORMED
 */
export function parsePolicyData(json: string): KataPolicyData {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (cause) {
    throw new MalformedError('KATA_POLICY_MALFORMED', 'The policy_data value is not JSON.', { cause });
  }
  return checkPolicyData(value);
}
