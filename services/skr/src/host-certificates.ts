import { parseThimCertificates } from '@holdfast/attestation';
import type { SnpReport, ThimCertificates } from '@holdfast/attestation';
import { DependencyError, errorMessage } from '@holdfast/base';
import type { RandomBytes } from '@holdfast/base';
import type { HttpClient } from '@holdfast/http';

import { fetchFromCache } from './certificate-cache.ts';
import type { CertificateCache } from './certificate-cache.ts';
import { isRetryableStatus, withRetries } from './retry.ts';
import type { Wait } from './retry.ts';

/** The certificates of the chip and the firmware version they are for, as the host last gave them. */
export interface HostCertificates {
  /** Undefined until the first fetch, where the security context has none. */
  readonly current: ThimCertificates | undefined;
  /**
   * Fetches anew; one fetch serves all that wait for it. `report` says which chip and firmware version are meant, which a
   * cache elsewhere needs to know; without it the certificate service of the host is asked.
   * @throws DependencyError HOST_CERTIFICATES_UNAVAILABLE; what was known before stays
   */
  refresh(report?: SnpReport): Promise<ThimCertificates>;
}

/** Certificates from the host's certificate service (THIM), `GET <url>` with header `Metadata: true`, or from a cache of AMD or Azure. */
export function createHostCertificates(options: {
  readonly initial: ThimCertificates | undefined;
  readonly url: string;
  /** Where certificates for another firmware version come from; the service of the host when missing. */
  readonly cache?: CertificateCache | undefined;
  readonly client: Pick<HttpClient, 'send'>;
  readonly wait: Wait;
  readonly random: RandomBytes;
}): HostCertificates {
  let current = options.initial;
  let pending: Promise<ThimCertificates> | undefined;

  const fetchOnce = async (report: SnpReport | undefined): Promise<ThimCertificates> => {
    try {
      if (options.cache !== undefined && report !== undefined) {
        return await fetchFromCache(options.cache, report, options.client);
      }
      const answer = await options.client.send({
        url: options.url,
        headers: { metadata: 'true' },
        timeoutMs: 5_000,
        maxBytes: 64 * 1024,
      });
      if (answer.status !== 200) {
        throw unavailable(`answered with status ${answer.status}`, isRetryableStatus(answer.status));
      }
      return parseThimCertificates(answer.body);
    } catch (cause) {
      if (cause instanceof DependencyError && cause.code === 'HOST_CERTIFICATES_UNAVAILABLE') throw cause;
      throw unavailable(`failed: ${errorMessage(cause)}`, cause instanceof DependencyError && cause.retryable, cause);
    }
  };
  return {
    get current() {
      return current;
    },
    async refresh(report) {
      pending ??= withRetries(async () => fetchOnce(report), options.wait, options.random).finally(
        () => (pending = undefined),
      );
      current = await pending;
      return current;
    },
  };
}

function unavailable(problem: string, retryable: boolean, cause?: unknown): DependencyError {
  return new DependencyError('HOST_CERTIFICATES_UNAVAILABLE', `the certificate service ${problem}`, {
    retryable,
    cause,
    action: 'Check that the certificate endpoint can be reached from the pod.',
  });
}
