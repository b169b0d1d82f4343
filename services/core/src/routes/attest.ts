import { constants, createPublicKey, publicEncrypt } from 'node:crypto';

import { MalformedError } from '@holdfast/base';
import {
  attestationTokenExpiry,
  createAttestationToken,
  decodeLenientBase64,
  mintOperatorJwt,
  operatorJwtClaims,
  operatorVersionClaim,
} from '@holdfast/uid2';
import type { OperatorRecord } from '@holdfast/uid2';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

import { EXPLANATIONS, statusOfFailure } from '../attestation/verifier.ts';
import type { Acceptance, Refusal, Verdict } from '../attestation/verifier.ts';
import { requireAccess } from '../authentication/authenticate.ts';
import type { Caller } from '../authentication/authenticate.ts';
import type { CoreContext } from '../context.ts';
import { sendJson } from '../responses.ts';

type JsonRecord = Readonly<Record<string, unknown>>;

const FAILURE = 'attestation failure';
const INTERNAL = { status: FAILURE, message: EXPLANATIONS.INTERNAL_ERROR };

/** `POST /attest`: evidence in; attestation token, readable only inside the enclave, and JWTs out. */
export function addAttestRoute(app: FastifyInstance, context: CoreContext): void {
  const access = { roles: ['OPERATOR', 'OPTOUT_SERVICE'] as const, attested: false };
  app.post(
    '/attest',
    requireAccess(context, access, (request, reply, caller) => attest(context, request, reply, caller)),
  );
  if (context.config.enable_test_endpoints) addTestTokenRoute(app, context);
}

async function attest(
  context: CoreContext,
  request: FastifyRequest,
  reply: FastifyReply,
  caller: Caller,
): Promise<FastifyReply> {
  const { operator } = caller;
  const { events } = context;
  const body = parseBody(request.body);
  if (body === 'not JSON') {
    events.attestRefusedEarly(operator, 'body-format');
    return sendJson(reply, 400, { status: 'request body is not a valid json' });
  }
  const evidenceText = body?.['attestation_request'] ?? '';
  if (body === undefined || evidenceText === '') {
    events.attestRefusedEarly(operator, 'no-evidence');
    return sendJson(reply, 400, { status: 'no attestation_request attached' });
  }
  const verifier = context.verifiers.get(operator.protocol);
  if (verifier === undefined) {
    events.attestRefusedEarly(operator, 'protocol');
    return sendJson(reply, 403, { status: 'protocol not found' });
  }
  const evidence = decodeMember(evidenceText);
  const publicKey = decodeMember(body['public_key'] ?? '');

  let verdict: Verdict;
  try {
    verdict = await verifier.verify(evidence, publicKey);
  } catch (error) {
    // An operator survives 500 for twelve hours and ends itself on 403: what may be our own trouble must be 500.
    events.attestFailed(operator, 'verifier', error);
    return sendJson(reply, 500, { status: FAILURE });
  }
  if (!verdict.accepted) {
    events.attestDecided(operator, verdict);
    return sendVerifierRefusal(reply, verdict);
  }
  if (!isOperatorTypeRight(body, operator)) {
    events.attestRefusedEarly(operator, 'operator-type');
    return sendJson(reply, 403, { status: 'attestation failure; invalid operator type' });
  }
  return sendAcceptance(context, request, reply, caller, verdict);
}

function sendVerifierRefusal(reply: FastifyReply, { failure, detail }: Refusal): FastifyReply {
  const explanation = EXPLANATIONS[failure];
  return sendJson(reply, statusOfFailure(failure), { status: detail ?? explanation, message: explanation });
}

function sendAcceptance(
  context: CoreContext,
  request: FastifyRequest,
  reply: FastifyReply,
  { operator, key }: Caller,
  acceptance: Acceptance,
): FastifyReply {
  const { clock, config, events, randomBytes } = context;
  const now = clock();
  const expiresAt = attestationTokenExpiry(now, config.att_token_lifetime_seconds, randomBytes);
  let token: string;
  try {
    token = encryptFor(
      acceptance.publicKey,
      createAttestationToken(key, expiresAt, context.attestationTokenKey, randomBytes),
    );
  } catch (error) {
    events.attestFailed(operator, 'token-encryption', error);
    return sendJson(reply, 500, INTERNAL);
  }
  let jwts: OperatorJwts = {};
  try {
    jwts = mintJwts(context, { operator, acceptance, expiresAt, now, appVersion: appVersionOf(request) });
  } catch (error) {
    events.jwtNotIssued(operator, error);
    if (config.enforceJwt) return sendJson(reply, 500, INTERNAL);
  }
  events.attestDecided(operator, acceptance);
  return sendJson(reply, 200, {
    status: 'success',
    body: {
      attestation_token: token,
      expiresAt: instantText(expiresAt * 1000),
      ...jwts,
      optout_url: config.optout_url ?? null,
    },
  });
}

/** RSAES-PKCS1-v1_5 (RFC 8017 section 7.2), as operators decrypt it; only the holder of the attested key reads the token. */
function encryptFor(publicKey: Uint8Array, token: string): string {
  const key = createPublicKey({ key: Buffer.from(publicKey), format: 'der', type: 'spki' });
  if (key.asymmetricKeyType !== 'rsa') {
    throw new MalformedError('ATTESTATION_EVIDENCE_MALFORMED', 'public_key is not an RSA key');
  }
  return publicEncrypt({ key, padding: constants.RSA_PKCS1_PADDING }, Buffer.from(token)).toString('base64');
}

interface OperatorJwts {
  readonly attestation_jwt_optout?: string;
  readonly attestation_jwt_core?: string;
}

interface Attested {
  readonly operator: OperatorRecord;
  readonly acceptance: Acceptance;
  readonly expiresAt: number;
  readonly now: number;
  readonly appVersion: string | undefined;
}

function mintJwts(context: CoreContext, attested: Attested): OperatorJwts {
  const { config, jwtSigningKey } = context;
  if (jwtSigningKey === undefined) return {};
  const { operator } = attested;
  const { siteId } = operator;
  if (siteId === undefined) {
    throw new MalformedError('CORE_OPERATOR_SITE_MISSING', `the record of operator ${operator.name} has no site_id`);
  }
  const mint = (audience: string): string =>
    mintOperatorJwt(
      operatorJwtClaims(
        { ...operator, siteId },
        {
          audience,
          issuer: config.core_public_url,
          issuedAt: Math.floor(attested.now / 1000),
          expiresAt: attested.expiresAt,
          enclaveId: attested.acceptance.enclaveId,
          operatorVersion: operatorVersionClaim(operator.contact, attested.appVersion),
          jwtId: randomUuid(context.randomBytes(16)),
        },
      ),
      jwtSigningKey,
    );
  return {
    ...(config.optout_url === undefined ? {} : { attestation_jwt_optout: mint(config.optout_url) }),
    attestation_jwt_core: mint(config.core_public_url),
  };
}

/** A version 4 UUID (RFC 9562 section 5.4) from 16 random bytes. */
function randomUuid(random: Uint8Array): string {
  const hex = Buffer.from(random).toString('hex');
  const variant = '89ab'.charAt((random[8] ?? 0) % 4);
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `4${hex.slice(13, 16)}`,
    `${variant}${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join('-');
}

/** ISO 8601 in UTC; whole seconds carry no fraction. */
export function instantText(milliseconds: number): string {
  return new Date(milliseconds).toISOString().replace('.000Z', 'Z');
}

/** The JSON object of a body; undefined for an empty body or `null`. */
function parseBody(body: unknown): JsonRecord | 'not JSON' | undefined {
  if (!Buffer.isBuffer(body) || body.length === 0) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(body.toString('utf8'));
  } catch {
    return 'not JSON'; // the answer says so
  }
  if (value === null) return undefined;
  if (typeof value !== 'object' || Array.isArray(value)) {
    throw new MalformedError('CORE_ATTEST_BODY_UNEXPECTED', 'the body of /attest is JSON, but no object');
  }
  return value as JsonRecord;
}

/** The reference answers 500 to Base64 that cannot be read, so that an operator tries again. */
function decodeMember(value: unknown): Uint8Array {
  const bytes = typeof value === 'string' ? decodeLenientBase64(value) : undefined;
  if (bytes === undefined) {
    throw new MalformedError('ATTESTATION_EVIDENCE_MALFORMED', 'attestation_request or public_key is not Base64');
  }
  return bytes;
}

function isOperatorTypeRight(body: JsonRecord, operator: OperatorRecord): boolean {
  if (!Object.hasOwn(body, 'operator_type')) return true;
  const given = body['operator_type'];
  return typeof given === 'string' && given.toUpperCase() === operator.operatorType;
}

function appVersionOf(request: FastifyRequest): string | undefined {
  const value = request.headers['x-uid2-appversion'];
  return Array.isArray(value) ? value[0] : value;
}

/** `/attest/get_token`: an attestation token in clear, for tests that have no enclave. */
function addTestTokenRoute(app: FastifyInstance, context: CoreContext): void {
  app.all(
    '/attest/get_token',
    requireAccess(context, { roles: ['OPERATOR'], attested: false }, async (_request, reply, { key }) => {
      const { clock, config, randomBytes } = context;
      const expiresAt = attestationTokenExpiry(clock(), config.att_token_lifetime_seconds, randomBytes);
      const token = createAttestationToken(key, expiresAt, context.attestationTokenKey, randomBytes);
      return sendJson(reply, 200, { status: 'success', body: { attestation_token: token } });
    }),
  );
}
