import { member, parseJsonObject } from '@holdfast/attestation';
import type { JsonValue } from '@holdfast/attestation';
import { fromUtf8, toBase64 } from '@holdfast/base';
import { createApp } from '@holdfast/http';
import type { FastifyInstance, FastifyReply } from 'fastify';

import type { BuiltInAttestation } from '../appraisal/attestation-service.ts';
import type { TrusteeContext } from '../context.ts';
import {
  chainOf,
  fromRest,
  malformedRequest,
  readVerificationRequests,
  setPolicyUnasked,
} from './verification-requests.ts';

const CODE = 'TRUSTEE_EVIDENCE_INVALID';
const NONCE_BYTES = 32;

/**
 * The attestation service by itself, with the REST interface of Trustee's `restful-as`. It trusts its callers: it belongs
 * on an address that only key brokers reach.
 */
export function buildAttestationApp(context: TrusteeContext, attestation: BuiltInAttestation): FastifyInstance {
  const app = createApp({
    bodyLimitBytes: context.bodyLimitBytes,
    ...(context.tls === undefined ? {} : { tls: context.tls }),
  });
  app.setErrorHandler(async (error, request, reply) => {
    const status = (error as { statusCode?: unknown }).statusCode;
    if (typeof status === 'number' && status >= 400 && status < 500) return reply.code(status).send();
    context.events.requestRefused(request.id, request.originalUrl, 'AttestationService', error);
    return reply.code(500).send(Buffer.from(chainOf(error), 'utf8'));
  });
  app.post('/attestation', async (request, reply) => {
    const body = parseJsonObject(bodyOf(request.body), CODE);
    const policies = member(body, 'policy_ids');
    if (!Array.isArray(policies)) throw malformedRequest('"policy_ids" is no list');
    const [policyId = 'default'] = policies as readonly JsonValue[];
    if (typeof policyId !== 'string') throw malformedRequest('"policy_ids" holds no texts');
    const requests = member(body, 'verification_requests');
    if (!Array.isArray(requests)) throw malformedRequest('"verification_requests" is no list');
    const { token } = await attestation.evaluate(
      readVerificationRequests(requests as readonly JsonValue[], fromRest),
      policyId,
    );
    return sendText(reply, token, 'text/plain');
  });
  app.get('/policy', async (_request, reply) => {
    const keys = await attestation.policies.list();
    const ids = keys.map((key) => ({ 'policy-id': key.replace(/\.rego$/, '') }));
    return sendText(reply, JSON.stringify(ids), 'application/json');
  });
  app.post('/policy', async (request, reply) => {
    const body = parseJsonObject(bodyOf(request.body), CODE);
    await setPolicyUnasked(context, attestation, member(body, 'policy_id'), member(body, 'policy'));
    return reply.code(200).send();
  });
  app.get<{ Params: { id: string } }>('/policy/:id', async (request, reply) => {
    const policy = await attestation.policies.load(`${request.params.id}.rego`);
    if (policy === undefined) throw malformedRequest(`there is no policy ${request.params.id.slice(0, 100)}`);
    return sendText(reply, policy.text, 'text/plain');
  });
  app.post('/challenge', async (_request, reply) =>
    sendText(reply, toBase64(context.random(NONCE_BYTES)), 'text/plain'),
  );
  app.get('/.well-known/jwks.json', async (_request, reply) =>
    sendText(reply, JSON.stringify({ keys: [attestation.signer.jwk] }), 'application/json'),
  );
  return app;
}

function bodyOf(body: unknown): string {
  return Buffer.isBuffer(body) ? fromUtf8(new Uint8Array(body)) : '';
}

function sendText(reply: FastifyReply, text: string, type: string): FastifyReply {
  return reply.code(200).header('Content-Type', type).send(Buffer.from(text, 'utf8'));
}
