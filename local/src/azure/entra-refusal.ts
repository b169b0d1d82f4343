import { randomUUID } from 'node:crypto';

import { RequestError } from '@holdfast/base';

/** A refusal of the token endpoint: status, OAuth error (RFC 6749 section 5.2), AADSTS number and its text. */
export class EntraRefusal extends RequestError {
  readonly status: number;
  readonly error: string;
  readonly aadsts: number;

  constructor(status: number, error: string, aadsts: number, text: string) {
    super('ENTRA_REFUSED', text, { details: { aadsts, error } });
    this.status = status;
    this.error = error;
    this.aadsts = aadsts;
  }
}

/** The JSON body of a refusal, in the form of the Microsoft identity platform. */
export function refusalBody(refusal: EntraRefusal, nowMs: number): Readonly<Record<string, unknown>> {
  const traceId = randomUUID();
  const correlationId = randomUUID();
  const timestamp = `${new Date(nowMs).toISOString().slice(0, 19).replace('T', ' ')}Z`;
  return {
    error: refusal.error,
    error_description:
      `AADSTS${refusal.aadsts}: ${refusal.message} ` +
      `Trace ID: ${traceId} Correlation ID: ${correlationId} Timestamp: ${timestamp}`,
    error_codes: [refusal.aadsts],
    timestamp,
    trace_id: traceId,
    correlation_id: correlationId,
    error_uri: `https://login.microsoftonline.com/error?code=${refusal.aadsts}`,
  };
}
