import { equalSecretBytes, PlatformError, toUtf8 } from '@holdfast/base';
import { bearerKey } from '@holdfast/http';
import { operatorJwtSubject, refusalOf, verifyAttestationToken, verifyOperatorJwt } from '@holdfast/uid2';
import type { KeyRefusal, OperatorRecord, Role } from '@holdfast/uid2';
import type { FastifyReply, FastifyRequest } from 'fastify';

import type { CoreContext } from '../context.ts';
import type { AccessRefusal } from '../events.ts';
import { sendJson } from '../responses.ts';

/** Who may call a route. */
export interface Access {
  readonly roles: readonly Role[];
  /** Whether the caller must have attested: every route but `/attest` itself. */
  readonly attested: boolean;
  /** Only public operators; 403 to private ones. */
  readonly publicOnly?: boolean;
}

/** An operator whose key, and where asked for attestation, has been checked. */
export interface Caller {
  readonly operator: OperatorRecord;
  /** The key it presented. */
  readonly key: string;
}

export type CallerHandler = (request: FastifyRequest, reply: FastifyReply, caller: Caller) => Promise<FastifyReply>;

/** The texts of 401 answers by reason. */
const MESSAGES: Readonly<Record<KeyRefusal, string>> = {
  unrecognized_key: 'Operator key not recognized.',
  key_disabled: 'Operator key is recognized but has been disabled.',
  insufficient_role: 'Operator key is recognized but is not authorized for this operation.',
};

/** Puts key, role, attestation and operator type before a route. The 401 does not say which of the later ones failed. */
export function requireAccess(context: CoreContext, access: Access, handle: CallerHandler) {
  return async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    echoTraceId(request, reply);
    const path = request.routeOptions.url ?? '';
    const key = bearerKey(request.headers.authorization);
    const operator = context.operators.find(key);
    const refusal = refusalOf(operator, access.roles);
    if (key === undefined || operator === undefined || refusal !== undefined) {
      const reason = refusal ?? 'unrecognized_key';
      context.events.accessRefused(path, operator, reason === 'insufficient_role' ? 'role' : reason);
      return sendRefusal(reply, reason);
    }
    if (access.attested) {
      const failure = attestationFailure(context, request, { operator, key });
      if (failure !== undefined) {
        context.events.accessRefused(path, operator, failure.reason, failure.error);
        return sendRefusal(reply, 'insufficient_role');
      }
    }
    if (access.publicOnly === true && operator.operatorType !== 'PUBLIC') {
      return sendJson(reply, 403, { status: 'error', message: `endpoint ${path} is for public operators only` });
    }
    return handle(request, reply, { operator, key });
  };
}

function attestationFailure(
  context: CoreContext,
  request: FastifyRequest,
  { operator, key }: Caller,
): { readonly reason: AccessRefusal; readonly error: unknown } | undefined {
  const { config } = context;
  // The protocol `trusted` has nothing to prove, so its operators carry no token.
  if (operator.protocol !== 'trusted') {
    try {
      verifyAttestationToken(header(request, 'attestation-token'), key, context.attestationTokenKey, context.clock());
    } catch (error) {
      return { reason: 'attestation_token', error: onlyOurs(error) };
    }
  }
  const jwt = header(request, 'attestation-jwt');
  if (jwt.trim() === '') {
    return config.enforceJwt ? { reason: 'jwt', error: undefined } : undefined;
  }
  const error = jwtProblem(context, jwt, operator);
  if (error === undefined) return undefined;
  if (config.enforceJwt) return { reason: 'jwt', error };
  context.events.jwtIgnored(request.routeOptions.url ?? '', operator, error);
  return undefined;
}

function jwtProblem(context: CoreContext, jwt: string, operator: OperatorRecord): unknown {
  const { core_public_url: coreUrl } = context.config;
  try {
    const claims = verifyOperatorJwt(jwt, {
      publicKeys: context.jwtPublicKeys,
      audience: coreUrl,
      issuer: coreUrl,
      nowMs: context.clock(),
    });
    const own = operatorJwtSubject(operator.keyHash);
    if (equalSecretBytes(toUtf8(claims.subject), toUtf8(own))) return undefined;
    return 'its subject is another operator';
  } catch (error) {
    return onlyOurs(error);
  }
}

/** A defect must not look like a refusal. */
function onlyOurs(error: unknown): PlatformError {
  if (error instanceof PlatformError && error.family !== 'internal') return error;
  throw error;
}

function sendRefusal(reply: FastifyReply, reason: KeyRefusal): FastifyReply {
  return sendJson(reply, 401, { status: 'unauthorized', reason, message: MESSAGES[reason] });
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
