import { createPrivateKey, createPublicKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

import { createTokenSigner, jwksFor, parseCertificates } from '@holdfast/attestation';
import type { AttestationJwk, Certificate } from '@holdfast/attestation';
import { ConfigError } from '@holdfast/base';
import type { Clock, RandomBytes } from '@holdfast/base';

/** The key that signs tokens, as the instance publishes it. */
export interface SigningKey {
  readonly privateKey: KeyObject;
  readonly kid: string;
  readonly jwks: { readonly keys: readonly AttestationJwk[] };
}

const DAY_MS = 24 * 60 * 60 * 1000;

/**
 * The signing key from PEM texts. Without a certificate a self-signed one is made, valid for a year: then the key id
 * changes with every start.
 * @throws ConfigError SIGNING_KEY_INVALID
 */
export function createSigningKey(options: {
  readonly keyPem: string;
  readonly certificatePem: string | undefined;
  readonly issuer: string;
  readonly clock: Clock;
  readonly random: RandomBytes;
}): SigningKey {
  let privateKey: KeyObject;
  let publicKey: KeyObject;
  try {
    privateKey = createPrivateKey(options.keyPem);
    publicKey = createPublicKey(privateKey);
  } catch (cause) {
    throw invalid('signing_key_file: not a private key in PEM', cause);
  }
  if (privateKey.asymmetricKeyType !== 'rsa' || (privateKey.asymmetricKeyDetails?.modulusLength ?? 0) < 2048) {
    throw invalid('signing_key_file: not an RSA key of 2048 bits or more');
  }
  const certificate =
    options.certificatePem === undefined
      ? createTokenSigner({
          issuer: options.issuer,
          privateKey,
          publicKey,
          serial: options.random(16),
          notBefore: options.clock() - DAY_MS,
          notAfter: options.clock() + 365 * DAY_MS,
        }).certificate
      : readCertificate(options.certificatePem);
  if (!certificate.publicKey.equals(publicKey)) {
    throw invalid('signing_certificate_file: the certificate belongs to another key');
  }
  const jwks = jwksFor(certificate);
  return { privateKey, kid: jwks.keys[0]?.kid ?? '', jwks };
}

function readCertificate(pem: string): Certificate {
  let certificate: Certificate | undefined;
  let cause: unknown;
  try {
    [certificate] = parseCertificates(pem);
  } catch (error) {
    cause = error;
  }
  if (certificate === undefined) throw invalid('signing_certificate_file: not a certificate in PEM', cause);
  return certificate;
}

function invalid(problem: string, cause?: unknown): ConfigError {
  return new ConfigError('SIGNING_KEY_INVALID', [problem], {
    cause,
    action: 'Give an RSA key and the certificate of that key, both in PEM.',
  });
}
