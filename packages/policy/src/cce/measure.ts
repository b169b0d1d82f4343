import { createHash } from 'node:crypto';

import { fromBase64, fromUtf8, MalformedError, toBase64, toHex, toUtf8 } from '@holdfast/base';

/** A policy as it is measured. */
export interface CceMeasurement {
  /** Lowercase hex of 32 bytes: HOST_DATA of the SEV-SNP report must equal it. */
  readonly sha256: string;
  readonly sha256Base64: string;
  /** One sentence for people. */
  readonly statement: string;
  readonly sizeBytes: number;
  /** The carrier value. */
  readonly base64: string;
  /** Undefined when the bytes are not UTF-8. */
  readonly text: string | undefined;
}

/** Far above what the platform's fields hold. */
const MAX_BASE64_LENGTH = 4 * 1024 * 1024;

/**
 * Measures a policy given as text or as the bytes of its file. Nothing is added or removed: a trailing line feed
 * counts.
 */
export function measureCceText(policy: string | Uint8Array): CceMeasurement {
  const bytes = typeof policy === 'string' ? toUtf8(policy) : policy;
  const digest = createHash('sha256').update(bytes).digest();
  const sha256 = toHex(digest);
  return {
    sha256,
    sha256Base64: toBase64(digest),
    statement: `HOST_DATA must equal ${sha256}.`,
    sizeBytes: bytes.length,
    base64: toBase64(bytes),
    text: utf8OrUndefined(bytes),
  };
}

/**
 * Measures a policy given as its carrier value: the ARM field or the annotation, standard Base64 on one line.
 * @throws MalformedError CCE_POLICY_INVALID
 */
export function measureCceBase64(base64: string): CceMeasurement {
  return measureCceText(decodeCceBase64(base64));
}

/**
 * The bytes of a carrier value; blanks around it are ignored.
 * @throws MalformedError CCE_POLICY_INVALID
 */
export function decodeCceBase64(base64: string): Uint8Array {
  if (base64.length > MAX_BASE64_LENGTH) {
    throw new MalformedError(
      'CCE_POLICY_INVALID',
      `the policy is longer than ${MAX_BASE64_LENGTH} characters of Base64`,
    );
  }
  try {
    return fromBase64(base64.trim());
  } catch (cause) {
    throw new MalformedError('CCE_POLICY_INVALID', 'the policy is not standard Base64 on one line', { cause });
  }
}

/**
 * The text of a carrier value.
 * @throws MalformedError CCE_POLICY_INVALID
 */
export function cceTextOf(base64: string): string {
  const text = utf8OrUndefined(decodeCceBase64(base64));
  if (text === undefined) throw new MalformedError('CCE_POLICY_INVALID', 'the policy is not UTF-8 text');
  return text;
}

function utf8OrUndefined(bytes: Uint8Array): string | undefined {
  try {
    return fromUtf8(bytes);
  } catch {
    // Bytes are measured whatever they are; only showing them needs text.
    return undefined;
  }
}
