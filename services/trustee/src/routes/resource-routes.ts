import { errorMessage } from '@holdfast/base';
import type { RegoJson } from '@holdfast/policy';

import type { TrusteeContext } from '../context.ts';
import { encryptResource } from '../kbs/jwe.ts';
import { KbsRefusal } from '../kbs/kbs-refusal.ts';
import { parseResourcePath } from '../kbs/resource-path.ts';
import type { VerifiedToken } from '../kbs/token-verifier.ts';
import type { KeyValueStore } from '../storage/key-value-store.ts';
import { denialOf } from './denial.ts';
import { sessionId } from './handshake-routes.ts';
import { emptyReply, jsonReply } from './reply.ts';
import type { KbsReply } from './reply.ts';
import type { KbsTarget } from './target.ts';

export interface ResourceRequest {
  readonly id: string;
  readonly method: string;
  readonly cookies: string | undefined;
  readonly authorization: string | undefined;
  readonly target: KbsTarget;
  readonly body: Uint8Array;
}

const RESOURCE_POLICY_KEY = 'resource-policy.rego';

/** Resources: administrators write and delete, guests with a token read. */
export async function handleResource(
  context: TrusteeContext,
  resources: KeyValueStore,
  request: ResourceRequest,
): Promise<KbsReply> {
  switch (request.method) {
    case 'POST':
    case 'DELETE':
      return changeResource(context, resources, request);
    case 'GET':
      return readResource(context, resources, request);
    default:
      throw pluginFailed('the verb is not one of the resource plugin');
  }
}

async function changeResource(
  context: TrusteeContext,
  resources: KeyValueStore,
  { method, authorization, target, body }: ResourceRequest,
): Promise<KbsReply> {
  let role: string;
  try {
    role = await context.administrators.authorize(authorization, target.full);
  } catch (cause) {
    const detail = `failed to initialize [admin] configuration: ${errorMessage(cause)}`;
    throw new KbsRefusal('AdminAuthInitialization', detail, cause);
  }
  const key = resourceKey(target);
  if (method === 'DELETE') {
    if (!(await resources.delete(key))) throw pluginFailed('there is no such resource');
    context.events.changed('resource removed', key, role, undefined);
  } else {
    await resources.set(key, body);
    context.events.changed('resource', key, role, body);
  }
  return emptyReply('text/xml');
}

async function readResource(
  context: TrusteeContext,
  resources: KeyValueStore,
  request: ResourceRequest,
): Promise<KbsReply> {
  const presented = await presentedToken(context, request);
  const token = await verified(context, presented);
  await checkPolicy(context, request.target, token, presented);
  // Only now is it looked up: who may not have it does not learn whether it exists.
  const key = resourceKey(request.target);
  const resource = await resources.get(key);
  if (resource === undefined) throw pluginFailed('there is no such resource');
  let reply: string;
  try {
    reply = JSON.stringify(encryptResource(resource, token.teeKey, { random: context.random }));
  } catch (cause) {
    throw new KbsRefusal('JweError', 'JWE failed', cause);
  }
  context.events.resourceRead(request.id, key);
  return jsonReply(reply);
}

async function presentedToken(context: TrusteeContext, request: ResourceRequest): Promise<string> {
  const id = sessionId(request.cookies);
  const session = id === undefined ? undefined : await context.sessions.find(id);
  const token = session?.token ?? /^bearer +([^ ]+) *$/i.exec(request.authorization ?? '')?.[1];
  if (token === undefined) throw new KbsRefusal('TokenNotFound', 'Attestation Token not found');
  return token;
}

async function verified(context: TrusteeContext, token: string): Promise<VerifiedToken> {
  try {
    return await context.verifyToken(token);
  } catch (cause) {
    throw new KbsRefusal('TokenVerifierError', 'Token Verifier error', cause);
  }
}

async function checkPolicy(
  context: TrusteeContext,
  target: KbsTarget,
  token: VerifiedToken,
  presented: string,
): Promise<void> {
  let allowed: boolean;
  try {
    const policy = await context.resourcePolicies.load(RESOURCE_POLICY_KEY);
    if (policy === undefined) throw new Error('there is no resource policy');
    const data: RegoJson = { plugin: target.plugin, 'resource-path': target.rest, query: target.query };
    allowed = policy.engine.query('data.policy.allow', { input: token.claims as RegoJson, data }) === true;
  } catch (cause) {
    context.events.policyEvaluated('failed');
    throw new KbsRefusal('PolicyEngineError', 'Policy engine error: the policy could not be evaluated', cause);
  }
  context.events.policyEvaluated(allowed ? 'allowed' : 'denied');
  if (!allowed) throw new KbsRefusal('PolicyDeny', 'Access denied by policy', denialOf(token.claims, presented));
}

function resourceKey({ rest }: KbsTarget): string {
  const path = parseResourcePath(rest.join('/'));
  if (path === undefined) throw pluginFailed('the path is not repository/type/tag');
  return path.join('/');
}

function pluginFailed(reason: string): KbsRefusal {
  return new KbsRefusal('PluginInternalError', 'Plugin internal error', new Error(reason));
}
