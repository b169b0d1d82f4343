import { createHash } from 'node:crypto';

import { issueAttestationToken, maaErrorResponse } from '@holdfast/attestation';
import type { JsonObject } from '@holdfast/attestation';
import { DependencyError, errorMessage, PlatformError, toBase64, toBase64Url, VerificationError } from '@holdfast/base';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

import type { AttestationContext } from '../context.ts';
import { sendRefusal } from '../maa-refusal.ts';
import { policyTextOf, readStatement, signerCertificateOf, thumbprintOf } from '../management/policy-jws.ts';
import type { Management } from '../management/management.ts';

const ANSWER_LIFE_SECONDS = 3600;

type Handler = (management: Management, body: Uint8Array) => JsonObject | Promise<JsonObject>;

/**
 * The management interface: the attestation policy (`/policies/SevSnpVm`) and its signers (`/certificates`). Requests carry
 * an access token of an administrator; answers are `{"token": JWS}` under the key that signs attestation tokens.
 * Without configuration it is not served: 401 without a bearer, 501 with one.
 */
export function registerManagementRoutes(app: FastifyInstance, context: AttestationContext): void {
  const serve = async (request: FastifyRequest, reply: FastifyReply, handler: Handler): Promise<FastifyReply> => {
    const token = /^bearer +(\S+)$/i.exec(request.headers.authorization?.trim() ?? '')?.[1];
    if (token === undefined) return sendRefusal(reply, 401, 'Unauthorized', 'The request needs a bearer token.');
    const { management } = context;
    if (management === undefined) {
      return sendRefusal(reply, 501, 'InvalidOperation', 'This service is configured by files, not over the network.');
    }
    const operation = `${request.method} ${request.url.split('?', 1)[0] ?? ''}`;
    try {
      const administrator = await management.administrators.authenticate(token);
      const body = Buffer.isBuffer(request.body) ? request.body : new Uint8Array();
      const claims = await handler(management, body);
      if (request.method !== 'GET') management.logger.info({ operation, administrator }, 'instance changed');
      return await reply
        .header('Content-Type', 'application/json; charset=utf-8')
        .send({ token: signAnswer(context, claims) });
    } catch (error) {
      return sendManagementFailure(reply, error, (reason) =>
        management.logger.warn({ operation, ...reason }, 'management refused'),
      );
    }
  };

  app.get('/policies/:type', async (request, reply) =>
    isSevSnpVm(request, '')
      ? serve(request, reply, ({ store }) => ({ 'x-ms-policy': store.policyJws }))
      : sendRefusal(reply, 400, 'InvalidOperation', 'This service attests SevSnpVm only.'),
  );
  app.put('/policies/:type', async (request, reply) =>
    isSevSnpVm(request, '')
      ? serve(request, reply, setPolicy)
      : sendRefusal(reply, 400, 'InvalidOperation', 'This service attests SevSnpVm only.'),
  );
  app.post('/policies/:type', async (request, reply) =>
    isSevSnpVm(request, ':reset')
      ? serve(request, reply, resetPolicy)
      : sendRefusal(reply, 400, 'InvalidOperation', 'The operation on a policy is :reset, of SevSnpVm.'),
  );
  app.get('/certificates', async (request, reply) =>
    serve(request, reply, ({ store }) => ({
      'x-ms-policy-certificates': {
        keys: store.signers.map(({ der }) => ({ kty: 'RSA', use: 'sig', x5c: [toBase64(der)] })),
      },
    })),
  );
  // A doubled colon is one colon that is no parameter.
  app.post('/certificates::add', async (request, reply) => serve(request, reply, changeSigners('add')));
  app.post('/certificates::remove', async (request, reply) => serve(request, reply, changeSigners('remove')));
}

const setPolicy: Handler = async ({ store }, body) => {
  const statement = readStatement(body, store.signers);
  const jws = Buffer.from(body).toString('utf8').trim();
  await store.setPolicy(jws, policyTextOf(statement));
  return {
    'x-ms-policy-result': 'Updated',
    'x-ms-policy-token-hash': toBase64Url(createHash('sha256').update(jws).digest()),
    ...(statement.signer === undefined
      ? {}
      : { 'x-ms-policy-signer': { kty: 'RSA', use: 'sig', x5c: [toBase64(statement.signer.der)] } }),
  };
};

/** With signers, going back to the default takes a signed statement as well, or anybody with the role could undo theirs. */
const resetPolicy: Handler = async ({ store }, body) => {
  if (store.signers.length > 0) readStatement(body, store.signers);
  await store.resetPolicy();
  return { 'x-ms-policy-result': 'Removed', 'x-ms-policy-token-hash': store.policyHash };
};

function changeSigners(change: 'add' | 'remove'): Handler {
  return async ({ store }, body) => {
    if (store.signers.length === 0) {
      throw new VerificationError('MANAGEMENT_NOT_ISOLATED', 'this instance was made without policy signers');
    }
    const certificate = signerCertificateOf(readStatement(body, store.signers));
    if (change === 'add') await store.addSigner(certificate);
    else await store.removeSigner(certificate);
    return {
      'x-ms-certificate-thumbprint': thumbprintOf(certificate),
      'x-ms-policycertificates-result': change === 'add' ? 'IsPresent' : 'IsAbsent',
    };
  };
}

function isSevSnpVm(request: FastifyRequest, suffix: string): boolean {
  return (request.params as { type: string }).type.toLowerCase() === `sevsnpvm${suffix}`;
}

function signAnswer(context: AttestationContext, claims: JsonObject): string {
  const { issuer, signingKey } = context.instance();
  const now = Math.floor(context.clock() / 1000);
  return issueAttestationToken(
    { iss: issuer, iat: now, nbf: now, exp: now + ANSWER_LIFE_SECONDS, ...claims },
    { signingKey: signingKey.privateKey, kid: signingKey.kid, jku: `${issuer}/certs` },
  );
}

async function sendManagementFailure(
  reply: FastifyReply,
  error: unknown,
  log: (reason: { readonly code: string; readonly reason: string }) => void,
): Promise<FastifyReply> {
  if (!(error instanceof PlatformError)) throw error;
  log({ code: error.code, reason: errorMessage(error) });
  if (error instanceof DependencyError) {
    return sendRefusal(reply, 503, 'ServiceUnavailable', 'Access tokens cannot be checked at the moment.');
  }
  switch (error.code) {
    case 'MANAGEMENT_TOKEN_REFUSED':
      return sendRefusal(reply, 401, 'Unauthorized', 'The access token is not accepted.');
    case 'MANAGEMENT_NOT_ISOLATED':
      return sendRefusal(reply, 400, 'InvalidOperation', 'This instance was made without policy signers.');
    case 'MANAGEMENT_STATEMENT_REFUSED':
      return sendRefusal(reply, 400, 'InvalidParameter', error.message);
    default: {
      const refusal = maaErrorResponse(error);
      if (refusal === undefined) throw error;
      return reply.code(refusal.status).header('Content-Type', 'application/json; charset=utf-8').send(refusal.body);
    }
  }
}
