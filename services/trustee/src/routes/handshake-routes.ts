import { errorMessage } from '@holdfast/base';

import type { TrusteeContext } from '../context.ts';
import { newNonce, readAttestation, readRequest, verificationRequests } from '../kbs/handshake.ts';
import { KbsRefusal } from '../kbs/kbs-refusal.ts';
import type { Session } from '../kbs/sessions.ts';
import { jsonReply } from './reply.ts';
import type { KbsReply } from './reply.ts';

export const SESSION_COOKIE = 'kbs-session-id';
const POLICY_ID = 'default';

/** The first half of the handshake: a challenge, and a cookie for the session it belongs to. */
export async function handleAuth(context: TrusteeContext, body: Uint8Array): Promise<KbsReply> {
  let tee: string;
  try {
    tee = readRequest(body);
  } catch (cause) {
    throw new KbsRefusal(
      'AttestationError',
      `Attestation error: RCAR handshake Auth failed: ${errorMessage(cause)}`,
      cause,
    );
  }
  const nonce = newNonce(context.random);
  const session = await context.sessions.open(tee, nonce);
  context.events.challengeIssued(tee);
  return jsonReply(JSON.stringify({ nonce, 'extra-params': '' }), cookieOf(session, context));
}

/** The second half: evidence for a token. Whatever is wrong, the answer says the same; the reason is logged. */
export async function handleAttest(
  context: TrusteeContext,
  request: { readonly id: string; readonly cookies: string | undefined; readonly body: Uint8Array },
): Promise<KbsReply> {
  let session: Session | undefined;
  try {
    const id = sessionId(request.cookies);
    if (id === undefined) throw new Error('there is no session cookie');
    const body = readAttestation(request.body);
    session = await context.sessions.find(id);
    if (session === undefined) throw new Error('session not found');
    if (session.token !== undefined) return tokenReply(session, session.token, context);
    const { token, appraisals } = await context.attestation.evaluate(verificationRequests(session, body), POLICY_ID);
    const completed = await context.sessions.complete(session, token);
    context.events.attested(request.id, session.tee, token, appraisals);
    return tokenReply(completed, completed.token ?? token, context);
  } catch (cause) {
    if (session !== undefined) await countFailure(context, session, request.id);
    context.events.attestationRefused(request.id, session?.tee ?? 'unknown', cause);
    throw new KbsRefusal('AttestationError', 'Attestation error: RCAR handshake Attest failed', cause);
  }
}

/** The refusal is what the guest gets, whether or not it could be counted. */
async function countFailure(context: TrusteeContext, session: Session, requestId: string): Promise<void> {
  try {
    await context.sessions.fail(session);
  } catch (error) {
    context.events.attestationRefused(requestId, session.tee, error);
  }
}

function tokenReply(session: Session, token: string, context: TrusteeContext): KbsReply {
  return jsonReply(JSON.stringify({ token }), cookieOf(session, context));
}

function cookieOf(session: Session, { tls }: TrusteeContext): string {
  const cookie = `${SESSION_COOKIE}=${session.id}; Expires=${new Date(session.expiresAt).toUTCString()}`;
  return tls === undefined ? cookie : `${cookie}; Path=/kbs/v0; HttpOnly; Secure; SameSite=Strict`;
}

/** The session id among a request's cookies. */
export function sessionId(cookies: string | undefined): string | undefined {
  for (const cookie of (cookies ?? '').split(';')) {
    const [name, value] = cookie.trim().split('=');
    if (name === SESSION_COOKIE && value !== undefined && /^[0-9a-f]{32}$/.test(value)) return value;
  }
  return undefined;
}
