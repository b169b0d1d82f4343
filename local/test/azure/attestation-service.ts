import { createPublicKey, generateKeyPairSync, randomBytes } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

import { createTokenSigner, issueAttestationToken, jwksFor } from '@holdfast/attestation';
import type { JsonObject } from '@holdfast/attestation';
import { createApp, listen } from '@holdfast/http';

/** The published face of an attestation service: metadata and keys over https, and tokens with any claims. */
export interface PublishedService {
  readonly url: string;
  /** Requests answered so far. */
  readonly requests: string[];
  token(claims: JsonObject): string;
  stop(): Promise<void>;
}

/** `metadata` replaces members of the OpenID metadata. */
export async function startPublishedService(
  tls: { readonly key: string; readonly cert: string },
  metadata: Readonly<Record<string, string>> = {},
): Promise<PublishedService> {
  const requests: string[] = [];
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const app = createApp({ bodyLimitBytes: 1024, tls });
  let url = '';
  const { certificate, kid } = createTokenSigner({
    issuer: 'https://attest.test',
    privateKey,
    publicKey: createPublicKey(privateKey),
    serial: randomBytes(8),
    notBefore: Date.now() - 1000,
    notAfter: Date.now() + 3_600_000,
  });
  app.addHook('onRequest', async (request) => {
    requests.push(request.url);
  });
  app.get('/certs', async () => jwksFor(certificate));
  app.get('/.well-known/openid-configuration', async () => ({ issuer: url, jwks_uri: `${url}/certs`, ...metadata }));
  url = await listen(app, { host: '127.0.0.1', port: 0 });
  return {
    url,
    requests,
    token: (claims) => {
      const now = Math.floor(Date.now() / 1000);
      const common = { iss: url, iat: now, nbf: now, exp: now + 3600, jti: randomBytes(8).toString('hex') };
      return issueAttestationToken(
        { ...common, 'x-ms-ver': '1.0', ...claims },
        { signingKey: privateKey, kid, jku: `${url}/certs` },
      );
    },
    stop: () => app.close(),
  };
}

/** A key of an attested environment, and its entry in the runtime data. */
export function environmentKey(): {
  readonly privateKey: KeyObject;
  readonly runtime: JsonObject;
  readonly kid: string;
} {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const { n = '', e = '' } = publicKey.export({ format: 'jwk' });
  return {
    privateKey,
    kid: 'environment',
    runtime: { keys: [{ kid: 'environment', kty: 'RSA', key_ops: ['encrypt'], n, e }] },
  };
}
