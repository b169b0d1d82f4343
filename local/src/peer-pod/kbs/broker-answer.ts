import { isJsonObject, member, parseJson } from '@holdfast/attestation';
import type { JsonObject } from '@holdfast/attestation';
import { MalformedError, UnsupportedError, VerificationError } from '@holdfast/base';
import type { PlatformError } from '@holdfast/base';
import type { HttpAnswer } from '@holdfast/http';

const CODE = 'PEER_POD_BROKER_ANSWER_INVALID';
const MAX_DETAIL = 300;

/** A refusal in the form of the KBS protocol. */
export interface BrokerRefusal {
  /** Such as `PolicyDeny`. */
  readonly variant: string;
  /** What the broker says to everybody. Text of somebody else: shortened, without control characters. */
  readonly detail: string;
}

/**
 * Reads the refusal that every status but 200 comes with.
 * @throws MalformedError PEER_POD_BROKER_ANSWER_INVALID when a proxy, or something else, answered
 */
export function readRefusal(answer: HttpAnswer): BrokerRefusal {
  const { type, detail } = readObject(answer);
  if (typeof type !== 'string' || typeof detail !== 'string') throw invalid(answer);
  return { variant: printable(type.slice(type.lastIndexOf('/') + 1)), detail: printable(detail) };
}

/** @throws MalformedError PEER_POD_BROKER_ANSWER_INVALID */
export function readText(answer: HttpAnswer, name: string): string {
  const value = member(readObject(answer), name);
  if (typeof value !== 'string') throw invalid(answer);
  return value;
}

/** @throws MalformedError PEER_POD_BROKER_ANSWER_INVALID */
export function readObject(answer: HttpAnswer): JsonObject {
  try {
    const value = parseJson(answer.body, CODE);
    if (isJsonObject(value)) return value;
  } catch (cause) {
    throw invalid(answer, cause);
  }
  throw invalid(answer);
}

/** The value of the session cookie that an answer sets. */
export function sessionCookie(answer: HttpAnswer): string | undefined {
  return /(?:^|[\s,])(kbs-session-id=[0-9A-Za-z-]{1,64})(?:[;,]|$)/.exec(answer.headers['set-cookie'] ?? '')?.[1];
}

/** Why a handshake failed, as an error. */
export function handshakeFailure(step: 'auth' | 'attest', answer: HttpAnswer): PlatformError {
  const { variant, detail } = readRefusal(answer);
  const details = { step, variant, status: answer.status };
  if (/protocol version mismatch/i.test(detail)) {
    return new UnsupportedError('PEER_POD_PROTOCOL_UNSUPPORTED', `the key broker refuses the protocol: ${detail}`, {
      details,
      action: 'Take guest components and a key broker of the same release.',
    });
  }
  return new VerificationError('PEER_POD_ATTESTATION_REFUSED', `the key broker refuses the guest: ${detail}`, {
    details,
    action: 'Read the log of the key broker; its answer never says why.',
  });
}

function printable(text: string): string {
  return text.slice(0, MAX_DETAIL).replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, '?');
}

function invalid({ status }: HttpAnswer, cause?: unknown): MalformedError {
  return new MalformedError(CODE, `the answer (status ${status}) is none of a key broker`, {
    cause,
    details: { status },
    action: 'Check the address, and that no proxy replaces the answers of the broker.',
  });
}
