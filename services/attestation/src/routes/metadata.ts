import type { FastifyInstance } from 'fastify';

import type { AttestationContext } from '../context.ts';

const JSON_TYPE = 'application/json; charset=utf-8';

/** Claims that tokens of this service can carry beside the registered ones of RFC 7519. */
const CLAIMS = [
  'nonce',
  'x-ms-attestation-type',
  'x-ms-compliance-status',
  'x-ms-inittime',
  'x-ms-policy-hash',
  'x-ms-runtime',
  'x-ms-sevsnpvm-authorkeydigest',
  'x-ms-sevsnpvm-bootloader-svn',
  'x-ms-sevsnpvm-familyId',
  'x-ms-sevsnpvm-guestsvn',
  'x-ms-sevsnpvm-hostdata',
  'x-ms-sevsnpvm-idkeydigest',
  'x-ms-sevsnpvm-imageId',
  'x-ms-sevsnpvm-is-debuggable',
  'x-ms-sevsnpvm-launchmeasurement',
  'x-ms-sevsnpvm-microcode-svn',
  'x-ms-sevsnpvm-migration-allowed',
  'x-ms-sevsnpvm-reportdata',
  'x-ms-sevsnpvm-reportid',
  'x-ms-sevsnpvm-smt-allowed',
  'x-ms-sevsnpvm-snpfw-svn',
  'x-ms-sevsnpvm-tee-svn',
  'x-ms-sevsnpvm-uvm-endorsement',
  'x-ms-sevsnpvm-uvm-endorsement-headers',
  'x-ms-sevsnpvm-vmpl',
  'x-ms-test-root',
  'x-ms-ver',
];

/** `GET /certs` (RFC 7517) and the OpenID metadata. */
export function registerMetadataRoutes(app: FastifyInstance, context: AttestationContext): void {
  app.get('/certs', async (_request, reply) =>
    reply.header('Content-Type', JSON_TYPE).send(context.instance().signingKey.jwks),
  );
  app.get('/.well-known/openid-configuration', async (_request, reply) => {
    const { issuer } = context.instance();
    return reply.header('Content-Type', JSON_TYPE).send({
      response_types_supported: ['token', 'none'],
      id_token_signing_alg_values_supported: ['RS256'],
      revocation_endpoint: `${issuer}/revoke`,
      jwks_uri: `${issuer}/certs`,
      claims_supported: CLAIMS,
      issuer,
    });
  });
}
