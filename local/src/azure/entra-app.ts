import { equalSecretBytes, toUtf8 } from '@holdfast/base';
import type { Clock } from '@holdfast/base';
import { createApp } from '@holdfast/http';
import type { FastifyInstance, FastifyReply } from 'fastify';

import { verifyClientAssertion } from './client-assertion.ts';
import type { FetchIssuerKeys } from './client-assertion.ts';
import { isKnownResource, KNOWN_RESOURCES, unknownResource } from './directory.ts';
import type { Application } from './directory.ts';
import { EntraRefusal, refusalBody } from './entra-refusal.ts';
import type { IssuedAccessToken, TokenIssuer } from './token-issuer.ts';

export interface EntraAppOptions {
  readonly tokenIssuer: TokenIssuer;
  readonly clock: Clock;
  /** Applications that may ask for tokens here; managed identities do not. */
  readonly applications?: readonly Application[];
  /** Keys of the issuers that federated credentials name; without it such assertions cannot be checked and are refused. */
  readonly fetchIssuerKeys?: FetchIssuerKeys;
  /** Resources that tokens can be asked for; `KNOWN_RESOURCES` when missing. */
  readonly resources?: readonly string[];
  /** PEM. The Azure SDKs insist on https. */
  readonly tls?: { readonly key: string; readonly cert: string };
}

const TOKEN_LIFE_SECONDS = 3600;
/** Of managed identities, also when a federated credential speaks for them. */
const IDENTITY_TOKEN_LIFE_SECONDS = 86_399;
const JWT_BEARER = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
const JSON_TYPE = 'application/json; charset=utf-8';

/**
 * The Entra ID endpoints that confidential clients use: OpenID configuration, keys, instance discovery, and the token
 * endpoint with grant `client_credentials`, by client secret or by client assertion (workload identity federation).
 */
export function buildEntraApp(options: EntraAppOptions): FastifyInstance {
  const { tokenIssuer, clock } = options;
  const app = createApp({ bodyLimitBytes: 256 * 1024, ...(options.tls === undefined ? {} : { tls: options.tls }) });

  app.setErrorHandler(async (error, _request, reply) => {
    const refusal =
      error instanceof EntraRefusal
        ? error
        : new EntraRefusal(statusOf(error), 'invalid_request', 90014, 'The request cannot be read.');
    return reply.code(refusal.status).header('Content-Type', JSON_TYPE).send(refusalBody(refusal, clock()));
  });
  app.setNotFoundHandler(async (_request, reply) => {
    return reply.code(404).header('Content-Type', JSON_TYPE).send({ error: 'not_found' });
  });

  const sendConfiguration = async (tenant: string, reply: FastifyReply): Promise<FastifyReply> => {
    assertTenant(tenant, tokenIssuer);
    const base = `${tokenIssuer.authorityUrl}/${tokenIssuer.tenantId}`;
    return reply.header('Content-Type', JSON_TYPE).send({
      token_endpoint: `${base}/oauth2/v2.0/token`,
      token_endpoint_auth_methods_supported: ['client_secret_post', 'private_key_jwt'],
      jwks_uri: `${base}/discovery/v2.0/keys`,
      response_types_supported: ['code', 'id_token', 'code id_token', 'id_token token'],
      subject_types_supported: ['pairwise'],
      id_token_signing_alg_values_supported: ['RS256'],
      scopes_supported: ['openid'],
      issuer: `${base}/v2.0`,
      authorization_endpoint: `${base}/oauth2/v2.0/authorize`,
      tenant_region_scope: null,
    });
  };
  app.get('/:tenant/v2.0/.well-known/openid-configuration', async (request, reply) =>
    sendConfiguration((request.params as { tenant: string }).tenant, reply),
  );
  app.get('/:tenant/discovery/v2.0/keys', async (request, reply) => {
    assertTenant((request.params as { tenant: string }).tenant, tokenIssuer);
    return reply.header('Content-Type', JSON_TYPE).send(tokenIssuer.jwks());
  });
  app.get('/common/discovery/instance', async (_request, reply) => {
    const { host } = new URL(tokenIssuer.authorityUrl);
    return reply.header('Content-Type', JSON_TYPE).send({
      tenant_discovery_endpoint: `${tokenIssuer.authorityUrl}/${tokenIssuer.tenantId}/v2.0/.well-known/openid-configuration`,
      'api-version': '1.1',
      metadata: [{ preferred_network: host, preferred_cache: host, aliases: [host] }],
    });
  });
  app.post('/:tenant/oauth2/v2.0/token', async (request, reply) => {
    assertTenant((request.params as { tenant: string }).tenant, tokenIssuer);
    const form = parseForm(request.headers['content-type'], request.body);
    const token = await issueToken(form, options);
    return reply
      .header('Content-Type', JSON_TYPE)
      .header('Cache-Control', 'no-store, no-cache')
      .header('Pragma', 'no-cache')
      .send({
        token_type: 'Bearer',
        expires_in: token.expiresOn - token.notBefore,
        ext_expires_in: token.expiresOn - token.notBefore,
        access_token: token.accessToken,
      });
  });
  return app;
}

/** Runs the checks in the order of Entra ID; the tenant was checked before. */
async function issueToken(form: URLSearchParams, options: EntraAppOptions): Promise<IssuedAccessToken> {
  const required = (name: string): string => {
    const value = form.get(name);
    if (value !== null && value !== '') return value;
    const text = `The request body must contain the following parameter: '${name}'.`;
    throw new EntraRefusal(400, 'invalid_request', 900144, text);
  };
  const grantType = required('grant_type');
  if (grantType !== 'client_credentials') {
    const text = `The app requested an unsupported grant type '${grantType}'.`;
    throw new EntraRefusal(400, 'unsupported_grant_type', 70003, text);
  }
  const clientId = required('client_id');
  const scope = required('scope');
  const application = options.applications?.find((known) => known.clientId.toLowerCase() === clientId.toLowerCase());
  if (application === undefined) {
    const text = `Application with identifier '${clientId}' was not found in the directory '${options.tokenIssuer.tenantId}'.`;
    throw new EntraRefusal(400, 'unauthorized_client', 700016, text);
  }
  const clientAuthentication = await authenticate(form, application, options);
  const { managedIdentityResourceId } = application;
  return options.tokenIssuer.issueAccessToken({
    resource: resourceOf(scope, options),
    clientId: application.clientId,
    objectId: application.objectId,
    lifeSeconds: managedIdentityResourceId === undefined ? TOKEN_LIFE_SECONDS : IDENTITY_TOKEN_LIFE_SECONDS,
    clientAuthentication,
    ...(managedIdentityResourceId === undefined ? {} : { managedIdentityResourceId }),
  });
}

async function authenticate(
  form: URLSearchParams,
  application: Application,
  options: EntraAppOptions,
): Promise<'1' | '2'> {
  const assertion = form.get('client_assertion');
  if (assertion !== null) {
    if (form.get('client_assertion_type') !== JWT_BEARER) {
      const text = `The request body must contain the following parameter: 'client_assertion_type' with value '${JWT_BEARER}'.`;
      throw new EntraRefusal(400, 'invalid_request', 900144, text);
    }
    const fetchKeys = options.fetchIssuerKeys ?? (async () => Promise.reject(new Error('no issuer keys configured')));
    const nowSeconds = Math.floor(options.clock() / 1000);
    await verifyClientAssertion(assertion, application.federatedCredentials ?? [], fetchKeys, nowSeconds);
    return '2';
  }
  const secret = form.get('client_secret');
  if (secret === null) {
    const text =
      "'client_assertion', 'client_secret' or 'request' is required for the 'client_credentials' grant type.";
    throw new EntraRefusal(401, 'invalid_client', 7000216, text);
  }
  const known = application.secrets?.find(({ value }) => equalSecretBytes(toUtf8(value), toUtf8(secret)));
  if (known === undefined) {
    const text = `Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '${application.clientId}'.`;
    throw new EntraRefusal(401, 'invalid_client', 7000215, text);
  }
  if (known.expiresAt !== undefined && known.expiresAt <= options.clock()) {
    const text = `The provided client secret keys for app '${application.clientId}' are expired.`;
    throw new EntraRefusal(401, 'invalid_client', 7000222, text);
  }
  return '1';
}

/** The resource of exactly one `<resource>/.default` scope. */
function resourceOf(scope: string, { resources = KNOWN_RESOURCES, tokenIssuer }: EntraAppOptions): string {
  const resource = /^(\S+)\/\.default$/.exec(scope.trim())?.[1];
  if (resource !== undefined) {
    if (isKnownResource(resource, resources)) return resource;
    throw new EntraRefusal(400, 'invalid_resource', 500011, unknownResource(resource, tokenIssuer.tenantId));
  }
  const text = `The provided value for the input parameter 'scope' is not valid. The scope ${scope} is not valid.`;
  throw new EntraRefusal(400, 'invalid_scope', 70011, text);
}

function assertTenant(tenant: string, tokenIssuer: TokenIssuer): void {
  if (tenant.toLowerCase() === tokenIssuer.tenantId.toLowerCase()) return;
  const text = `Tenant '${tenant}' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud.`;
  throw new EntraRefusal(400, 'invalid_request', 90002, text);
}

/** The form of a token request; empty when the body is no form, so that the first missing parameter is reported. */
function parseForm(contentType: string | undefined, body: unknown): URLSearchParams {
  const isForm = contentType?.split(';', 1)[0]?.trim().toLowerCase() === 'application/x-www-form-urlencoded';
  return new URLSearchParams(isForm && Buffer.isBuffer(body) ? body.toString('utf8') : '');
}

function statusOf(error: unknown): number {
  const status = (error as { statusCode?: unknown }).statusCode;
  return typeof status === 'number' && status >= 400 && status < 600 ? status : 500;
}
