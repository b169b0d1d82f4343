import { hash } from 'node:crypto';

import { parseCertificate } from '@holdfast/attestation';
import type { Certificate } from '@holdfast/attestation';

const MAX_REMEMBERED = 512;

/**
 * Parses certificates once each: guests of one machine bring the same ones with every evidence. What a certificate is worth
 * is judged anew each time. The least recently used is dropped.
 */
export class CertificateMemory {
  readonly #parsed = new Map<string, Certificate>();

  /** @throws MalformedError X509_CERTIFICATE_MALFORMED */
  parse(der: Uint8Array): Certificate {
    const digest = hash('sha256', der, 'base64');
    let certificate = this.#parsed.get(digest);
    if (certificate === undefined) {
      certificate = parseCertificate(der);
      const [oldest] = this.#parsed.keys();
      if (this.#parsed.size >= MAX_REMEMBERED && oldest !== undefined) this.#parsed.delete(oldest);
    } else {
      this.#parsed.delete(digest);
    }
    this.#parsed.set(digest, certificate);
    return certificate;
  }
}
