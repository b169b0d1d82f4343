import type { Clock } from '@holdfast/base';
import { createApp } from '@holdfast/http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

import { isKnownResource, unknownResource } from './directory.ts';
import type { ManagedIdentity } from './directory.ts';
import { createIdentityTokens } from './identity-tokens.ts';
import type { IdentityTokens } from './identity-tokens.ts';
import { selectIdentity } from './select-identity.ts';
import type { TokenIssuer } from './token-issuer.ts';

/** An answer that a test puts in the place of a token. */
export interface IdentityFault {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** An object is sent as JSON, a text as it is. */
  readonly body: string | object;
}

export interface ManagedIdentityAppOptions {
  /** The identities attached to the machine, container group or pod that asks here; a function where they come and go. */
  readonly identities: readonly ManagedIdentity[] | (() => readonly ManagedIdentity[]);
  readonly tokenIssuer: TokenIssuer;
  readonly clock: Clock;
  /** JSON of the host's AMD certificates, where the host runs confidential guests (THIM). */
  readonly hostCertificates?: () => string;
  /** Resources that tokens can be asked for; any when missing. */
  readonly resources?: readonly string[];
  /** Tokens already handed out, where several endpoints give out those of one identity. */
  readonly tokens?: IdentityTokens;
  /** How `expires_on` is written: seconds as text (as the service does), as a number, or a time of day in UTC. */
  readonly expiresOn?: 'text' | 'number' | 'iso';
  /** Asked for each token request: what is answered instead, to see what clients make of it. */
  readonly fault?: () => IdentityFault | undefined;
}

const JSON_TYPE = 'application/json; charset=utf-8';

/**
 * The managed identity endpoint of the Azure Instance Metadata Service: `GET /metadata/identity/oauth2/token`, and on hosts of
 * confidential guests the certificates of the chip: `GET /metadata/THIM/amd/certification`.
 * As there, tokens are kept per identity and resource and handed out again until they run out, numbers are strings, and a
 * probe without the `Metadata` header is answered at once.
 * Difference: a request without `api-version` is served like 2018-02-01.
 */
export function buildManagedIdentityApp(options: ManagedIdentityAppOptions): FastifyInstance {
  const app = createApp({ bodyLimitBytes: 16 * 1024 });
  const tokens = options.tokens ?? createIdentityTokens(options);

  app.setNotFoundHandler(async (_request, reply) => refuse(reply, 404, 'not_found', 'No such metadata path'));
  app.setErrorHandler(async (_error, _request, reply) => refuse(reply, 400, 'invalid_request', 'Unreadable request'));
  app.get('/:metadata/identity/oauth2/token', async (request, reply) => {
    const { metadata } = request.params as { metadata: string };
    if (metadata.toLowerCase() !== 'metadata') return refuse(reply, 404, 'not_found', 'No such metadata path');
    return answerToken(request, reply, options, tokens);
  });
  const { hostCertificates } = options;
  if (hostCertificates !== undefined) {
    app.get('/metadata/THIM/amd/certification', async (request, reply) => {
      if (String(request.headers['metadata']).toLowerCase() !== 'true') {
        return refuse(reply, 400, 'invalid_request', 'Required metadata header not specified');
      }
      return reply.header('Content-Type', JSON_TYPE).send(hostCertificates());
    });
  }
  return app;
}

async function answerToken(
  request: FastifyRequest,
  reply: FastifyReply,
  options: ManagedIdentityAppOptions,
  tokens: IdentityTokens,
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

  const fault = options.fault?.();
  if (fault !== undefined) {
    return reply
      .code(fault.status)
      .headers({ 'content-type': typeof fault.body === 'string' ? 'text/plain' : JSON_TYPE, ...fault.headers })
      .send(fault.body);
  }
  const { identities, resources, tokenIssuer } = options;
  const selected = selectIdentity(query, typeof identities === 'function' ? identities() : identities);
  if (typeof selected === 'string') return invalid(selected);
  if (resources !== undefined && !isKnownResource(resource, resources)) {
    return refuse(reply, 400, 'invalid_resource', `AADSTS500011: ${unknownResource(resource, tokenIssuer.tenantId)}`);
  }

  const token = tokens.tokenFor(selected, resource);
  const lifeLeft = String(token.expiresOn - Math.floor(options.clock() / 1000));
  return reply.header('Content-Type', JSON_TYPE).send({
    access_token: token.accessToken,
    client_id: selected.clientId,
    expires_in: lifeLeft,
    expires_on: writtenTime(token.expiresOn, options.expiresOn ?? 'text'),
    ext_expires_in: lifeLeft,
    not_before: String(token.notBefore),
    resource,
    token_type: 'Bearer',
  });
}

function writtenTime(seconds: number, format: NonNullable<ManagedIdentityAppOptions['expiresOn']>): string | number {
  if (format === 'number') return seconds;
  return format === 'iso' ? new Date(seconds * 1000).toISOString() : String(seconds);
}

/** The decoded query; names arrive percent-encoded from some clients. */
function queryOf(url: string): URLSearchParams {
  const at = url.indexOf('?');
  return new URLSearchParams(at === -1 ? '' : url.slice(at + 1));
}

async function refuse(reply: FastifyReply, status: number, error: string, description: string): Promise<FastifyReply> {
  return reply.code(status).header('Content-Type', JSON_TYPE).send({ error, error_description: description });
}
