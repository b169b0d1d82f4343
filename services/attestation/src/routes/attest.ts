import {
  appraiseSevSnpVm,
  formatJson,
  issueAttestationToken,
  maaErrorResponse,
  parseAttestSevSnpVmRequest,
} from '@holdfast/attestation';
import type { JsonObject } from '@holdfast/attestation';
import { toBase64Url, toUtf8 } from '@holdfast/base';
import type { FastifyInstance } from 'fastify';

import type { AttestationContext } from '../context.ts';
import { sendRefusal } from '../maa-refusal.ts';

const API_VERSIONS = ['2020-10-01', '2022-08-01', '2025-06-01'];
const NOT_SERVED = new Set(['azureguest', 'sgxenclave', 'openenclave', 'tpm']);

/**
 * `POST /attest/{type}`: evidence in, a signed attestation result out. Only SevSnpVm is served; the type is read without
 * case, as clients spell it differently.
 */
export function registerAttestRoute(app: FastifyInstance, context: AttestationContext): void {
  app.post('/attest/:type', async (request, reply) => {
    const { type } = request.params as { type: string };
    if (type.toLowerCase() !== 'sevsnpvm') {
      const status = NOT_SERVED.has(type.toLowerCase()) ? 501 : 400;
      return sendRefusal(reply, status, 'InvalidOperation', 'This service attests SevSnpVm only.');
    }
    const version = (request.query as Record<string, unknown>)['api-version'];
    if (typeof version !== 'string' || !API_VERSIONS.includes(version)) {
      const message = `The query parameter api-version must be one of ${API_VERSIONS.join(', ')}.`;
      return sendRefusal(reply, 400, 'InvalidParameter', message);
    }
    const mediaType = request.headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase();
    if (mediaType !== 'application/json') {
      return sendRefusal(reply, 415, 'InvalidParameter', 'The content type must be application/json.');
    }
    const { issuer, signingKey } = context.instance();
    const { roots, complianceTable, intermediates, allowedCspIds, revocation, chainCache } = context.trust;
    try {
      const evidence = parseAttestSevSnpVmRequest(Buffer.isBuffer(request.body) ? request.body : new Uint8Array());
      const appraisal = appraiseSevSnpVm(evidence, {
        roots,
        complianceTable,
        intermediates,
        allowedCspIds,
        revocation: revocation(),
        ...(chainCache === undefined ? {} : { chainCache }),
        ...context.settings,
        now: context.clock,
        random: context.random,
        issuer,
        ...(context.management === undefined ? {} : { policy: context.management.store.policy }),
      });
      if (evidence.draftPolicy !== undefined) {
        // A policy can issue claims: signed, a token under the caller's own policy would say whatever the caller likes.
        return await reply
          .header('Content-Type', 'application/json; charset=utf-8')
          .send({ token: unsecuredToken(appraisal.claims) });
      }
      const token = issueAttestationToken(appraisal.claims, {
        signingKey: signingKey.privateKey,
        kid: signingKey.kid,
        jku: `${issuer}/certs`,
      });
      context.events.tokenIssued(request.id, appraisal);
      return await reply.header('Content-Type', 'application/json; charset=utf-8').send({ token });
    } catch (error) {
      const refusal = maaErrorResponse(error);
      if (refusal === undefined) throw error;
      context.events.evidenceRefused(request.id, refusal.status, error);
      return reply.code(refusal.status).header('Content-Type', 'application/json; charset=utf-8').send(refusal.body);
    }
  });
}

/** A token that no relying party accepts (RFC 7515, unsecured): it shows what a draft policy would do. */
function unsecuredToken(claims: JsonObject): string {
  const encode = (text: string): string => toBase64Url(toUtf8(text));
  return `${encode('{"alg":"none","typ":"JWT"}')}.${encode(formatJson(claims))}.`;
}
