import { formatJson, isJsonObject, member, parseJson } from '@holdfast/attestation';
import type { JsonObject } from '@holdfast/attestation';
import { errorMessage, fromBase64Url, fromUtf8, toUtf8 } from '@holdfast/base';

import type { TrusteeContext } from '../context.ts';
import { KbsRefusal } from '../kbs/kbs-refusal.ts';
import { emptyReply, jsonReply } from './reply.ts';
import type { KbsReply } from './reply.ts';
import type { KbsTarget } from './target.ts';

const RESOURCE_POLICY_KEY = 'resource-policy.rego';
const MAX_POLICY_LENGTH = 1024 * 1024;

export interface AdminRequest {
  readonly authorization: string | undefined;
  readonly target: KbsTarget;
  readonly body: Uint8Array;
}

/** The role of an administrator who may use the path. */
async function authorize(context: TrusteeContext, { authorization, target }: AdminRequest): Promise<string> {
  try {
    return await context.administrators.authorize(authorization, target.full);
  } catch (cause) {
    const detail = `admin access denied for endpoint ${target.plugin}: ${errorMessage(cause)}`;
    throw new KbsRefusal('AdminAuthAccess', detail, cause);
  }
}

export async function setAttestationPolicy(context: TrusteeContext, request: AdminRequest): Promise<KbsReply> {
  const role = await authorize(context, request);
  try {
    const envelope = envelopeOf(request.body);
    const id = member(envelope, 'policy_id');
    if (typeof id !== 'string') throw new Error('"policy_id" is missing');
    const text = policyText(envelope);
    await context.attestation.setPolicy(id, text);
    context.events.changed('attestation policy', id, role, toUtf8(text));
    return emptyReply();
  } catch (cause) {
    throw new KbsRefusal('AttestationError', 'Attestation error: Set Attestation Policy failed', cause);
  }
}

export async function setResourcePolicy(context: TrusteeContext, request: AdminRequest): Promise<KbsReply> {
  const role = await authorize(context, request);
  let text: string;
  try {
    text = policyText(envelopeOf(request.body));
  } catch (cause) {
    throw new KbsRefusal('ParsePolicyError', `Failed to parse policy: ${errorMessage(cause)}`, cause);
  }
  try {
    await context.resourcePolicies.put(RESOURCE_POLICY_KEY, text);
  } catch (cause) {
    throw new KbsRefusal(
      'PolicyEngineError',
      `Policy engine error: Failed to load policy: ${errorMessage(cause)}`,
      cause,
    );
  }
  context.events.changed('resource policy', 'resource-policy', role, toUtf8(text));
  return emptyReply();
}

export async function listResourcePolicies(context: TrusteeContext, request: AdminRequest): Promise<KbsReply> {
  await authorize(context, request);
  const keys = await context.resourcePolicies.list();
  return jsonReply(JSON.stringify(keys.map((key) => key.replace(/\.rego$/, ''))));
}

export async function registerReferenceValues(context: TrusteeContext, request: AdminRequest): Promise<KbsReply> {
  const role = await authorize(context, request);
  try {
    const message = parseJson(request.body, 'TRUSTEE_REFERENCE_MESSAGE_INVALID');
    for (const name of await context.references.register(message)) {
      context.events.changed('reference value', name, role, request.body);
    }
    return jsonReply('');
  } catch (cause) {
    throw rvpsRefusal(errorMessage(cause), cause);
  }
}

/** The value under a name; without one the names of all, which the reference implementation does not list. */
export async function readReferenceValue(context: TrusteeContext, request: AdminRequest): Promise<KbsReply> {
  await authorize(context, request);
  const id = request.target.rest.join('/');
  try {
    if (id === '') return jsonReply(JSON.stringify(await context.references.list()));
    const value = await context.references.query(id);
    if (value !== undefined) return jsonReply(formatJson(value));
  } catch (cause) {
    throw rvpsRefusal(`Failed to get reference_values: ${errorMessage(cause)}`, cause);
  }
  throw rvpsRefusal(`Failed to get reference_values: No reference value found for the given id: ${id.slice(0, 200)}`);
}

/** Removes a value, which the reference implementation cannot. */
export async function deleteReferenceValue(context: TrusteeContext, request: AdminRequest): Promise<KbsReply> {
  const role = await authorize(context, request);
  const id = request.target.rest.join('/');
  let removed: boolean;
  try {
    removed = await context.references.delete(id);
  } catch (cause) {
    throw rvpsRefusal(errorMessage(cause), cause);
  }
  if (!removed) throw rvpsRefusal(`No reference value found for the given id: ${id.slice(0, 200)}`);
  context.events.changed('reference value removed', id, role, undefined);
  return emptyReply();
}

function rvpsRefusal(text: string, cause?: unknown): KbsRefusal {
  return new KbsRefusal('RvpsError', `RVPS configuration failed: ${text}`, cause);
}

function envelopeOf(body: Uint8Array): JsonObject {
  let envelope;
  try {
    envelope = parseJson(body, 'KBS_REFUSED');
  } catch (cause) {
    throw new Error('Illegal SetPolicy Request Json', { cause });
  }
  if (!isJsonObject(envelope)) throw new Error('Illegal SetPolicy Request Json');
  return envelope;
}

function policyText(envelope: JsonObject): string {
  const policy = member(envelope, 'policy');
  if (policy === undefined) throw new Error('No `policy` field inside SetPolicy Request Json');
  if (typeof policy !== 'string') throw new Error('`policy` field is not a string in SetPolicy Request Json');
  if (policy.length > MAX_POLICY_LENGTH * 2) throw new Error('Failed to decode policy: it is too long');
  try {
    return fromUtf8(fromBase64Url(policy));
  } catch (cause) {
    throw new Error(`Failed to decode policy: ${errorMessage(cause)}`, { cause });
  }
}
