import { isJsonObject, member, parseJson, parseJsonObject } from '@holdfast/attestation';
import type { JsonObject, JsonValue } from '@holdfast/attestation';
import { errorMessage, fromBase64Url, fromUtf8, MalformedError, toBase64 } from '@holdfast/base';
import { createApp } from '@holdfast/http';
import type { FastifyInstance, FastifyReply } from 'fastify';

import type { InitData, RuntimeData, VerificationRequest } from '../appraisal/attestation-service.ts';
import type { TrusteeContext } from '../context.ts';

const CODE = 'TRUSTEE_EVIDENCE_INVALID';
const NONCE_BYTES = 32;
const MAX_REQUESTS = 16;
const HASHES = ['sha256', 'sha384', 'sha512'] as const;

/**
 * The attestation service by itself, with the REST interface of Trustee's `restful-as`. It trusts its callers: it belongs
 * on an address that only key brokers reach.
 */
export function buildAttestationApp(context: TrusteeContext): FastifyInstance {
  const app = createApp({
    bodyLimitBytes: context.bodyLimitBytes,
    ...(context.tls === undefined ? {} : { tls: context.tls }),
  });
  const { attestation } = context;
  app.setErrorHandler(async (error, request, reply) => {
    const status = (error as { statusCode?: unknown }).statusCode;
    if (typeof status === 'number' && status >= 400 && status < 500) return reply.code(status).send();
    context.events.requestRefused(request.id, request.originalUrl, 'AttestationService', error);
    return reply.code(500).send(Buffer.from(chainOf(error), 'utf8'));
  });
  app.post('/attestation', async (request, reply) => {
    const body = parseJsonObject(bodyOf(request.body), CODE);
    const policies = member(body, 'policy_ids');
    if (!Array.isArray(policies)) throw malformed('"policy_ids" is no list');
    const [policyId = 'default'] = policies as readonly JsonValue[];
    if (typeof policyId !== 'string') throw malformed('"policy_ids" holds no texts');
    const { token } = await attestation.evaluate(requestsOf(body), policyId);
    return sendText(reply, token, 'text/plain');
  });
  app.get('/policy', async (_request, reply) => {
    const keys = await attestation.policies.list();
    const ids = keys.map((key) => ({ 'policy-id': key.replace(/\.rego$/, '') }));
    return sendText(reply, JSON.stringify(ids), 'application/json');
  });
  app.get<{ Params: { id: string } }>('/policy/:id', async (request, reply) => {
    const policy = await attestation.policies.load(`${request.params.id}.rego`);
    if (policy === undefined) throw malformed(`there is no policy ${request.params.id.slice(0, 100)}`);
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

function requestsOf(body: JsonObject): readonly VerificationRequest[] {
  const requests = member(body, 'verification_requests');
  if (!Array.isArray(requests) || requests.length > MAX_REQUESTS) {
    throw malformed(`"verification_requests" is no list of at most ${MAX_REQUESTS}`);
  }
  return (requests as readonly JsonValue[]).map(requestOf);
}

function requestOf(value: JsonValue): VerificationRequest {
  if (!isJsonObject(value)) throw malformed('a verification request is no object');
  const tee = member(value, 'tee');
  if (typeof tee !== 'string') throw malformed('"tee" is no text');
  const runtimeData = runtimeDataOf(value);
  const initData = initDataOf(member(value, 'init_data'));
  return {
    tee,
    evidence: parseJson(decoded(member(value, 'evidence'), 'evidence'), CODE),
    ...(runtimeData === undefined ? {} : { runtimeData }),
    ...(initData === undefined ? {} : { initData }),
  };
}

function runtimeDataOf(request: JsonObject): RuntimeData | undefined {
  const data = member(request, 'runtime_data');
  if (data === undefined || data === null) return undefined;
  const named = member(request, 'runtime_data_hash_algorithm') ?? 'sha384';
  const hash = HASHES.find((known) => known === named);
  if (hash === undefined) throw malformed('"runtime_data_hash_algorithm" is none of sha256, sha384, sha512');
  if (!isJsonObject(data)) throw malformed('"runtime_data" is no object');
  const structured = member(data, 'structured');
  return structured === undefined ? { raw: decoded(member(data, 'raw'), 'raw') } : { structured, hash };
}

function initDataOf(data: JsonValue | undefined): InitData | undefined {
  if (data === undefined || data === null) return undefined;
  if (!isJsonObject(data)) throw malformed('"init_data" is no object');
  const toml = member(data, 'init_data_toml');
  return typeof toml === 'string'
    ? { toml }
    : { digest: decoded(member(data, 'init_data_digest'), 'init_data_digest') };
}

function decoded(value: JsonValue | undefined, name: string): Uint8Array {
  if (typeof value !== 'string') throw malformed(`"${name}" is no text`);
  try {
    return fromBase64Url(value);
  } catch (cause) {
    throw new MalformedError(CODE, `"${name}" is no Base64url without padding`, { cause });
  }
}

function bodyOf(body: unknown): string {
  return Buffer.isBuffer(body) ? fromUtf8(new Uint8Array(body)) : '';
}

function sendText(reply: FastifyReply, text: string, type: string): FastifyReply {
  return reply.code(200).header('Content-Type', type).send(Buffer.from(text, 'utf8'));
}

/** The chain of reasons, numbered, as the reference implementation answers. */
function chainOf(error: unknown): string {
  const reasons: string[] = [];
  for (let at: unknown = error; at !== undefined && at !== null && reasons.length < 6;) {
    reasons.push(`${reasons.length}: ${errorMessage(at)}`);
    at = at instanceof Error ? at.cause : undefined;
  }
  return reasons.join('\n');
}

function malformed(problem: string): MalformedError {
  return new MalformedError(CODE, problem);
}
