/** Why a verifier refused evidence, in the words of the UID2 reference. */
export type FailureClass =
  | 'BAD_FORMAT'
  | 'BAD_PAYLOAD'
  | 'BAD_CERTIFICATE'
  | 'FORBIDDEN_ENCLAVE'
  | 'UNKNOWN_ATTESTATION_URL'
  | 'INVALID_PROTOCOL'
  | 'INTERNAL_ERROR'
  | 'UNKNOWN';

/** The texts operators see, per class. */
export const EXPLANATIONS: Readonly<Record<FailureClass, string>> = {
  BAD_FORMAT: 'The payload is ill-formatted',
  BAD_PAYLOAD: 'Cannot verify payload with the signature',
  BAD_CERTIFICATE: 'Cannot verify the certificate chain',
  FORBIDDEN_ENCLAVE: 'The enclave identifier is unknown',
  UNKNOWN_ATTESTATION_URL: 'The given attestation URL is unknown',
  INVALID_PROTOCOL: 'The given protocol is not valid',
  INTERNAL_ERROR: 'There was an internal processing error',
  UNKNOWN: 'Unknown reason',
};

/**
 * What 403 would say wrongly: an operator ends itself at once on 403 and keeps serving for twelve hours on 500, so
 * whatever may be Core's own trouble is 500.
 */
const OWN_TROUBLE: ReadonlySet<FailureClass> = new Set<FailureClass>(['INTERNAL_ERROR', 'UNKNOWN']);

/** The HTTP status of a refusal. */
export function statusOfFailure(failure: FailureClass): 403 | 500 {
  return OWN_TROUBLE.has(failure) ? 500 : 403;
}

/** The evidence does not hold, or what it shows is not allowed. */
export interface Refusal {
  readonly accepted: false;
  readonly failure: FailureClass;
  /** What exactly, for the operator; the explanation of the class when missing. */
  readonly detail?: string;
  /** Which check refused, for the log; free of anything the caller sent. */
  readonly check: string;
  /** The measurement that was refused, once the evidence has proved it. */
  readonly enclaveId?: string;
}

/** The evidence holds: the holder of `publicKey` runs in the enclave `enclaveId`. */
export interface Acceptance {
  readonly accepted: true;
  readonly enclaveId: string;
  /** DER of an RSA SubjectPublicKeyInfo: only its holder may read the attestation token. */
  readonly publicKey: Uint8Array;
}

export type Verdict = Acceptance | Refusal;

/** Judges the evidence of one attestation protocol. Throws only for what may be Core's own trouble. */
export interface EvidenceVerifier {
  /** @param publicKey The key from the request; it must be bound to the evidence where the protocol can. */
  verify(evidence: Uint8Array, publicKey: Uint8Array): Promise<Verdict>;
}

/** A refusal by the check named `check`. */
export function refuse(check: string, failure: FailureClass, detail?: string): Refusal {
  return { accepted: false, failure, check, ...(detail === undefined ? {} : { detail }) };
}
