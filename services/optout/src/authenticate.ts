import { equalSecretBytes, PlatformError, toUtf8, VerificationError } from '@holdfast/base';
import { bearerKey, sendReason } from '@holdfast/http';
import { operatorJwtSubject, refusalOf, verifyAttestationToken, verifyOperatorJwt } from '@holdfast/uid2';
import type { OperatorRecord, Role } from '@holdfast/uid2';
import type { FastifyReply, FastifyRequest } from 'fastify';

import type { OptOutContext } from './context.ts';
import type { AccessRefusal } from './events.ts';

/** Who may call a route. */
export interface Access {
  readonly role: Role;
  /** Whether the caller must have attested to Core. */
  readonly attested: boolean;
}

export type OperatorHandler = (
  request: FastifyRequest,
  reply: FastifyReply,
  operator: OperatorRecord,
) => Promise<FastifyReply>;

/**
 * Puts key, role and attestation before a route. Every refusal is the same 401 text; the log says why. Before the
 * operators are known nobody can be judged, and the answer is 503.
 */
export function requireAccess(context: OptOutContext, access: Access, handle: OperatorHandler) {
  return async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    echoTraceId(request, reply);
    if (!context.operatorsLoaded()) return sendReason(reply, 503);
    const path = request.routeOptions.url ?? '';
    const key = bearerKey(request.headers.authorization);
    const operator = context.operators.find(key);
    const refusal = refusalOf(operator, [access.role]);
    if (key === undefined || operator === undefined || refusal !== undefined) {
      context.events.accessRefused(
        path,
        operator,
        refusal === 'insufficient_role' ? 'role' : (refusal ?? 'unrecognized_key'),
      );
      return sendReason(reply, 401);
    }
    const failure = access.attested ? attestationFailure(context, request, operator, key) : undefined;
    if (failure !== undefined) {
      context.events.accessRefused(path, operator, failure.reason, failure.error);
      return sendReason(reply, 401);
    }
    return handle(request, reply, operator);
  };
}

function attestationFailure(
  context: OptOutContext,
  request: FastifyRequest,
  operator: OperatorRecord,
  key: string,
): { readonly reason: AccessRefusal; readonly error?: unknown } | undefined {
  // The protocol `trusted` has nothing to prove, so its operators carry no token.
  if (operator.protocol !== 'trusted') {
    try {
      verifyAttestationToken(header(request, 'attestation-token'), key, context.attestationTokenKey, context.clock());
    } catch (error) {
      return { reason: 'attestation_token', error: onlyOurs(error) };
    }
  }
  const enforced = context.config.enforceJwt;
  const jwt = header(request, 'attestation-jwt');
  if (jwt.trim() === '') return enforced ? { reason: 'jwt' } : undefined;
  const error = jwtProblem(context, jwt, operator);
  if (error === undefined) return undefined;
  if (enforced) return { reason: 'jwt', error };
  context.events.jwtIgnored(operator, error);
  return undefined;
}

function jwtProblem(context: OptOutContext, jwt: string, operator: OperatorRecord): PlatformError | undefined {
  try {
    const claims = verifyOperatorJwt(jwt, {
      publicKeys: context.jwtPublicKeys,
      audience: context.config.optout_url,
      issuer: context.config.core_public_url,
      nowMs: context.clock(),
    });
    if (!claims.roles.includes('OPERATOR')) return foreign('it does not grant the role OPERATOR');
    if (!equalSecretBytes(toUtf8(claims.subject), toUtf8(operatorJwtSubject(operator.keyHash)))) {
      return foreign('its subject is another operator');
    }
    return undefined;
  } catch (error) {
    return onlyOurs(error);
  }
}

function foreign(problem: string): VerificationError {
  return new VerificationError('OPTOUT_JWT_FOREIGN', `the operator JWT is refused: ${problem}`);
}

/** A defect must not look like a refusal. */
function onlyOurs(error: unknown): PlatformError {
  if (error instanceof PlatformError && error.family !== 'internal') return error;
  throw error;
}

function header(request: FastifyRequest, name: string): string {
  const value = request.headers[name];
  return (Array.isArray(value) ? value[0] : value) ?? '';
}

/** Load balancers recognise their requests by this header in the answer. */
function echoTraceId(request: FastifyRequest, reply: FastifyReply): void {
  const traceId = header(request, 'x-amzn-trace-id');
  if (traceId !== '') reply.header('X-Amzn-Trace-Id', traceId);
}
