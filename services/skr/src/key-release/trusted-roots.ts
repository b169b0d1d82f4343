import { getCACertificates } from 'node:tls';

import { parseCertificates } from '@holdfast/attestation';
import type { Certificate } from '@holdfast/attestation';
import { MalformedError } from '@holdfast/base';

/**
 * The roots of web servers that this process trusts: those of Node, and of NODE_EXTRA_CA_CERTS. Roots that cannot be read
 * strictly are left out.
 */
export function systemTrustedRoots(): readonly Certificate[] {
  return getCACertificates('default').flatMap((pem) => {
    try {
      return parseCertificates(pem);
    } catch (error) {
      if (error instanceof MalformedError) return [];
      throw error;
    }
  });
}
