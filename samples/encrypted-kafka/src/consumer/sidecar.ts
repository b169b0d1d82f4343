import type { KeyObject } from 'node:crypto';

import { DependencyError, errorMessage, fromUtf8 } from '@holdfast/base';
import type { HttpAnswer, HttpClient } from '@holdfast/http';
import { z } from 'zod';

import { parsePrivateJwk } from '../crypto/private-jwk.ts';
import type { KeyRequestSettings } from './config.ts';

const STATUS_TIMEOUT_MS = 5_000;
/** The sidecar itself attests and asks the vault within a minute. */
const RELEASE_TIMEOUT_MS = 60_000;
const MAX_ANSWER_BYTES = 64 * 1024;
const MAX_REASON = 600;

const releasedSchema = z.object({ key: z.string() });
const refusedSchema = z.object({ error: z.string() });

/**
 * Asks the sidecar of this pod for the private key, once.
 * @param expected The producer's public key, when it is known.
 * @throws DependencyError SAMPLE_SIDECAR_UNREACHABLE, SAMPLE_KEY_REFUSED with the sidecar's own words, SAMPLE_KEY_UNUSABLE
 */
export async function requestKey(
  client: Pick<HttpClient, 'send'>,
  settings: KeyRequestSettings,
  expected: KeyObject | undefined,
): Promise<KeyObject> {
  const { sidecarUrl } = settings;
  const status = await reach(sidecarUrl, () =>
    client.send({ url: `${sidecarUrl}/status`, timeoutMs: STATUS_TIMEOUT_MS, maxBytes: MAX_ANSWER_BYTES }),
  );
  if (!isSuccess(status)) throw unreachable(`the sidecar at ${sidecarUrl} answers its status with ${status.status}`);
  const answer = await reach(sidecarUrl, () =>
    client.send({
      method: 'POST',
      url: `${sidecarUrl}/key/release`,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        maa_endpoint: settings.attestationHost,
        akv_endpoint: settings.vaultHost,
        kid: settings.kid,
      }),
      timeoutMs: RELEASE_TIMEOUT_MS,
      maxBytes: MAX_ANSWER_BYTES,
    }),
  );
  if (!isSuccess(answer)) throw refused(settings.kid, answer);
  const released = releasedSchema.safeParse(parseJson(answer.body));
  // Not the body: in whatever form, it may hold a private key.
  return parsePrivateJwk(released.success ? released.data.key : '', expected);
}

async function reach(url: string, call: () => Promise<HttpAnswer>): Promise<HttpAnswer> {
  try {
    return await call();
  } catch (cause) {
    throw unreachable(`no sidecar answers at ${url}: ${errorMessage(cause)}`, cause);
  }
}

function unreachable(message: string, cause?: unknown): DependencyError {
  return new DependencyError('SAMPLE_SIDECAR_UNREACHABLE', message, {
    retryable: true,
    ...(cause === undefined ? {} : { cause }),
    action: 'Run the pod with the sidecar container in a confidential guest, or check the log of the sidecar.',
  });
}

function refused(kid: string, answer: HttpAnswer): DependencyError {
  const parsed = refusedSchema.safeParse(parseJson(answer.body));
  const reason = parsed.success ? parsed.data.error : `status ${answer.status}`;
  const shown = reason.length > MAX_REASON ? `${reason.slice(0, MAX_REASON)}…` : reason;
  return new DependencyError('SAMPLE_KEY_REFUSED', `key ${kid} was not released: ${shown}`, {
    retryable: true,
    details: { status: answer.status },
    action:
      'Compare the policy digest of this pod with the release policy of the key; the log of the vault names the claim.',
  });
}

function isSuccess({ status }: HttpAnswer): boolean {
  return status >= 200 && status < 300;
}

function parseJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(fromUtf8(body));
  } catch {
    return undefined; // refused by the caller; a parser's message could quote a key
  }
}
