import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';

import { parseCertificates } from '@holdfast/attestation';
import { ConfigError, errorMessage } from '@holdfast/base';

/** The certificates of a PEM text. */
export function certificatesOf(pem: string): readonly X509Certificate[] {
  return parseCertificates(pem).map((certificate) => new X509Certificate(certificate.der));
}

/**
 * A file that the configuration names.
 * @throws ConfigError TRUSTEE_CONFIG_INVALID
 */
export async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new ConfigError('TRUSTEE_CONFIG_INVALID', [`cannot read ${file}: ${errorMessage(cause)}`], {
      cause,
      action: 'Check the path and the permissions of the file.',
    });
  }
}
