import { createPrivateKey, createPublicKey } from 'node:crypto';
import { readFile } from 'node:fs/promises';

import { parseCertificates } from '@holdfast/attestation';
import { ConfigError, errorMessage } from '@holdfast/base';

import type { CertificateSource } from './serving-certificate.ts';

/** A certificate that somebody else makes and renews, such as cert-manager or the service CA of OpenShift. */
export function fileCertificate(files: { readonly certificate: string; readonly key: string }): CertificateSource {
  return {
    async current() {
      try {
        const [cert, key] = await Promise.all([readFile(files.certificate, 'utf8'), readFile(files.key, 'utf8')]);
        const [leaf] = parseCertificates(cert);
        // Whoever replaces both files is in the middle of it for a moment.
        if (leaf === undefined || !leaf.publicKey.equals(createPublicKey(createPrivateKey(key)))) {
          throw new TypeError('key and certificate do not belong together');
        }
        return { cert, key, ca: undefined };
      } catch (cause) {
        const problem = `${files.certificate}, ${files.key}: ${errorMessage(cause)}`;
        throw new ConfigError('CERTIFICATE_FILES_UNUSABLE', [problem], {
          cause,
          action: 'Give a PEM chain and the PEM key that belongs to it.',
        });
      }
    },
  };
}
