import { Buffer } from 'node:buffer';

import { sendReason, sendUntyped } from '@holdfast/http';
import { decodeLenientBase64, isJsonObject, parseLenientJson, textMember } from '@holdfast/uid2';
import type { FastifyInstance, FastifyRequest } from 'fastify';

import { requireAccess } from '../authenticate.ts';
import type { OptOutContext } from '../context.ts';

/** Operators that only compare themselves with others send real opt-outs a second time; these are not taken. */
const SHADOW_INSTANCE = /reference-operator|candidate-operator/;
const FORM = /^\s*application\/x-www-form-urlencoded\s*(?:;|$)/i;

const HASH_LENGTH = 32;
const RAW_UID_LENGTHS: readonly number[] = [32, 33];

/**
 * `/optout/replicate?identity_hash=…&advertising_id=…`: takes one opt-out from an operator and answers the epoch seconds
 * once it is safe on disk. A missing, repeated or malformed parameter gives 400 without a body; unlike the reference,
 * which stores hashes and UIDs of any length and thereby ruins its files, the lengths are part of that.
 */
export function addReplicateRoute(app: FastifyInstance, context: OptOutContext): void {
  const { queue, events, clock, config } = context;
  app.all(
    '/optout/replicate',
    requireAccess(context, { role: 'OPTOUT', attested: false }, async (request, reply, operator) => {
      const nowSeconds = Math.floor(clock() / 1000);
      const instanceId = request.headers['uid-instance-id'];
      if (SHADOW_INSTANCE.test(String(instanceId ?? ''))) return sendUntyped(reply, String(nowSeconds));

      if (config.optout_observe_only) return sendReason(reply, 503); // nobody would ever publish it
      const clientIp = clientIpOf(request);
      const optOut = readOptOut(request);
      if ('problem' in optOut) {
        events.rejected(operator, optOut.problem);
        return sendUntyped(reply.code(400), '');
      }
      const limit = config.optout_sqs_max_queue_size;
      if (limit > 0 && queue.size >= limit) {
        events.queueFull(operator, queue.size);
        return sendReason(reply, 500);
      }
      try {
        // The address is of use to the deny-list only.
        const kept = config.traffic_filter_config_path === undefined ? undefined : clientIp;
        await queue.append({ ...optOut, optedOutAt: nowSeconds }, kept);
      } catch (error) {
        events.queueFailed(error);
        return sendUntyped(reply.code(500), '');
      }
      events.accepted(operator, queue.size);
      return sendUntyped(reply, String(nowSeconds));
    }),
  );
}

type OptOutParameters =
  | { readonly identityHash: Uint8Array; readonly rawUid: Uint8Array }
  | { readonly problem: string };

function readOptOut(request: FastifyRequest): OptOutParameters {
  const parameters = parametersOf(request);
  const identityHash = onlyBytes(parameters, 'identity_hash');
  const rawUid = onlyBytes(parameters, 'advertising_id');
  if (identityHash === undefined) return { problem: 'identity_hash is not there exactly once, or not Base64' };
  if (rawUid === undefined) return { problem: 'advertising_id is not there exactly once, or not Base64' };
  if (identityHash.length !== HASH_LENGTH) return { problem: 'identity_hash does not have 32 bytes' };
  if (isUniform(identityHash, 0x00) || isUniform(identityHash, 0xff)) return { problem: 'identity_hash is a sentinel' };
  if (!RAW_UID_LENGTHS.includes(rawUid.length)) return { problem: 'advertising_id has neither 32 nor 33 bytes' };
  if (request.method !== 'GET' && request.method !== 'POST') return { problem: 'neither GET nor POST' };
  return { identityHash, rawUid };
}

function parametersOf(request: FastifyRequest): URLSearchParams {
  const url = request.raw.url ?? '';
  const parameters = new URLSearchParams(url.includes('?') ? url.slice(url.indexOf('?')) : '');
  if (isForm(request)) {
    for (const [name, value] of new URLSearchParams(bodyOf(request).toString('utf8'))) parameters.append(name, value);
  }
  return parameters;
}

function onlyBytes(parameters: URLSearchParams, name: string): Uint8Array | undefined {
  const values = parameters.getAll(name);
  const [value] = values;
  return values.length === 1 && value !== undefined ? decodeLenientBase64(value) : undefined;
}

/** The address in a JSON body. It also carries e-mail address and phone number, of which nothing is kept; it must be JSON. */
function clientIpOf(request: FastifyRequest): string | undefined {
  const body = bodyOf(request);
  if (body.length === 0 || isForm(request)) return undefined;
  const value = parseLenientJson(body.toString('utf8'));
  return isJsonObject(value) ? textMember(value, 'client_ip') : undefined;
}

function isForm(request: FastifyRequest): boolean {
  return FORM.test(request.headers['content-type'] ?? '');
}

function bodyOf(request: FastifyRequest): Buffer {
  return Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
}

function isUniform(bytes: Uint8Array, value: number): boolean {
  return bytes.every((byte) => byte === value);
}
