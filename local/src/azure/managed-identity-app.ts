import type { Clock } from '@holdfast/base';
import { createApp } from '@holdfast/http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

import type { ManagedIdentity } from './directory.ts';
import type { IssuedAccessToken, TokenIssuer } from './token-issuer.ts';

export interface ManagedIdentityAppOptions {
  /** The identities attached to the machine, container group or pod that asks here. */
  readonly identities: readonly ManagedIdentity[];
  readonly tokenIssuer: TokenIssuer;
  readonly clock: Clock;
  /** JSON of the host's AMD certificates, where the host runs confidential guests (THIM). */
  readonly hostCertificates?: () => string;
}

const TOKEN_LIFE_SECONDS = 86_399;
/** A token with less life left is not handed out again. */
const MIN_LIFE_LEFT_SECONDS = 300;

/**
 * The managed identity endpoint of the Azure Instance Metadata Service: `GET /metadata/identity/oauth2/token`, and on hosts of
 * confidential guests the certificates of the chip: `GET /metadata/THIM/amd/certification`.
 * As there, tokens are kept per identity and resource and handed out again until they run out, numbers are strings, and a
 * probe without the `Metadata` header is answered at once.
 * Differences: a request without `api-version` is served like 2018-02-01, and any resource is known.
 */
export function buildManagedIdentityApp(options: ManagedIdentityAppOptions): FastifyInstance {
  const app = createApp({ bodyLimitBytes: 16 * 1024 });
  const issued = new Map<string, IssuedAccessToken>();

  app.setNotFoundHandler(async (_request, reply) => refuse(reply, 404, 'not_found', 'No such metadata path'));
  app.setErrorHandler(async (_error, _request, reply) => refuse(reply, 400, 'invalid_request', 'Unreadable request'));
  app.get('/:metadata/identity/oauth2/token', async (request, reply) => {
    const { metadata } = request.params as { metadata: string };
    if (metadata.toLowerCase() !== 'metadata') return refuse(reply, 404, 'not_found', 'No such metadata path');
    return answerToken(request, reply, options, issued);
  });
  const { hostCertificates } = options;
  if (hostCertificates !== undefined) {
    app.get('/metadata/THIM/amd/certification', async (request, reply) => {
      if (String(request.headers['metadata']).toLowerCase() !== 'true') {
        return refuse(reply, 400, 'invalid_request', 'Required metadata header not specified');
      }
      return reply.header('Content-Type', 'application/json; charset=utf-8').send(hostCertificates());
    });
  }
  return app;
}

async function answerToken(
  request: FastifyRequest,
  reply: FastifyReply,
  options: ManagedIdentityAppOptions,
  issued: Map<string, IssuedAccessToken>,
): Promise<FastifyReply> {
  const invalid = (text: string): Promise<FastifyReply> => refuse(reply, 400, 'invalid_request', text);
  if (String(request.headers['metadata']).toLowerCase() !== 'true') {
    return invalid('Required metadata header not specified');
  }
  // A forwarded request comes from outside the machine whose identity would be handed out.
  if (request.headers['x-forwarded-for'] !== undefined) return invalid('Request contains a X-Forwarded-For header');

  const query = queryOf(request.url);
  const apiVersion = query.get('api-version');
  if (apiVersion !== null && !(/^\d{4}-\d{2}-\d{2}$/.test(apiVersion) && apiVersion >= '2018-02-01')) {
    return invalid('Bad request. api-version is invalid or older than 2018-02-01');
  }
  const resource = query.get('resource');
  if (resource === null || resource === '') return invalid("Required query variable 'resource' is missing");

  const selected = selectIdentity(query, options.identities);
  if (typeof selected === 'string') return invalid(selected);

  const nowSeconds = Math.floor(options.clock() / 1000);
  const cacheKey = `${selected.clientId} ${resource}`;
  let token = issued.get(cacheKey);
  if (token === undefined || token.expiresOn - nowSeconds < MIN_LIFE_LEFT_SECONDS) {
    token = options.tokenIssuer.issueAccessToken({
      resource,
      clientId: selected.clientId,
      objectId: selected.principalId,
      lifeSeconds: TOKEN_LIFE_SECONDS,
      clientAuthentication: '2',
      managedIdentityResourceId: selected.resourceId,
    });
    issued.set(cacheKey, token);
  }
  const lifeLeft = String(token.expiresOn - nowSeconds);
  return reply.header('Content-Type', 'application/json; charset=utf-8').send({
    access_token: token.accessToken,
    client_id: selected.clientId,
    expires_in: lifeLeft,
    expires_on: String(token.expiresOn),
    ext_expires_in: lifeLeft,
    not_before: String(token.notBefore),
    resource,
    token_type: 'Bearer',
  });
}

const MULTIPLE_IDENTITIES =
  'Multiple user assigned identities exist, please specify the clientId / resourceId of the identity in the token request';

/** The identity that the query asks for, or the text of the refusal. */
function selectIdentity(query: URLSearchParams, identities: readonly ManagedIdentity[]): ManagedIdentity | string {
  const named: [member: 'clientId' | 'principalId' | 'resourceId', value: string][] = [];
  for (const [name, member] of [
    ['client_id', 'clientId'],
    ['object_id', 'principalId'],
    ['principal_id', 'principalId'],
    ['msi_res_id', 'resourceId'],
    ['mi_res_id', 'resourceId'],
  ] as const) {
    const value = query.get(name);
    if (value !== null && value !== '') named.push([member, value.toLowerCase()]);
  }
  const [first] = named;
  if (named.length > 1) return 'Only one of client_id, object_id and msi_res_id may be given';
  if (first !== undefined) {
    const [member, value] = first;
    return identities.find((identity) => identity[member].toLowerCase() === value) ?? 'Identity not found';
  }
  const systemAssigned = identities.find((identity) => identity.kind === 'system-assigned');
  if (systemAssigned !== undefined) return systemAssigned;
  if (identities.length > 1) return MULTIPLE_IDENTITIES;
  return identities[0] ?? 'Identity not found';
}

/** The decoded query; names arrive percent-encoded from some clients. */
function queryOf(url: string): URLSearchParams {
  const at = url.indexOf('?');
  return new URLSearchParams(at === -1 ? '' : url.slice(at + 1));
}

async function refuse(reply: FastifyReply, status: number, error: string, description: string): Promise<FastifyReply> {
  return reply
    .code(status)
    .header('Content-Type', 'application/json; charset=utf-8')
    .send({ error, error_description: description });
}
