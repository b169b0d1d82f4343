import { DependencyError, toBase64 } from '@holdfast/base';
import type { Secret } from '@holdfast/base';
import type { CoreSession } from '@holdfast/core-client';
import { HttpClient } from '@holdfast/http';

import type { OptOutWrite, OptOutWriter } from '../context.ts';

export interface OptOutWriterOptions {
  readonly session: Pick<CoreSession, 'resolveAtOptOut'>;
  /** URL, or path at the Opt-Out address that Core names. */
  readonly uri: string;
  readonly operatorKey: Secret;
  readonly instanceId: string;
  readonly timeoutMs?: number;
}

/** Hands opt-outs made here (logout) to the Opt-Out service: `POST …/replicate`. */
export class HttpOptOutWriter implements OptOutWriter {
  readonly #options: OptOutWriterOptions;
  readonly #http = new HttpClient();

  constructor(options: OptOutWriterOptions) {
    this.#options = options;
  }

  /**
   * @throws DependencyError OPTOUT_WRITE_FAILED when the service answered anything but 200
   * @throws DependencyError HTTP_UNREACHABLE, HTTP_TIMEOUT, OPTOUT_URL_UNKNOWN
   */
  async write(optOut: OptOutWrite): Promise<void> {
    const { session, uri, operatorKey, instanceId, timeoutMs } = this.#options;
    const url = new URL(session.resolveAtOptOut(uri));
    url.searchParams.set('identity_hash', toBase64(optOut.flh));
    url.searchParams.set('advertising_id', toBase64(optOut.rawUid));
    const { status } = await this.#http.send({
      method: 'POST',
      url: url.href,
      headers: {
        Authorization: `Bearer ${operatorKey.reveal()}`,
        'Content-Type': 'application/json',
        'UID-Instance-Id': instanceId,
        ...(optOut.traceId === undefined ? {} : { 'UID-Trace-Id': optOut.traceId }),
      },
      body: JSON.stringify({ email: optOut.email, phone: optOut.phone, client_ip: optOut.clientIp }),
      timeoutMs: timeoutMs ?? 10_000,
    });
    if (status === 200) return;
    throw new DependencyError('OPTOUT_WRITE_FAILED', `the Opt-Out service answered the opt-out with ${status}`, {
      retryable: true,
      details: { status },
      action: 'Check the Opt-Out service, and that the operator key has the role OPTOUT.',
    });
  }

  async close(): Promise<void> {
    await this.#http.close();
  }
}
