import { randomUUID } from 'node:crypto';

import { PlatformError } from '@holdfast/base';
import { createApp } from '@holdfast/http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';

import { RECOVERABLE_DAYS } from './key-vault.ts';
import type { DeletedSecret, KeyVault, SecretChanges, SecretVersion } from './key-vault.ts';
import type { TokenIssuer } from './token-issuer.ts';
import { checkVaultAccess } from './vault-access.ts';
import type { SecretPermission, VaultProperties } from './vault-access.ts';

export interface KeyVaultAppOptions {
  readonly vault: KeyVault;
  readonly tokenIssuer: TokenIssuer;
  /** Address as clients use it, without a trailing slash; a function where the port is known only later. */
  readonly vaultUrl: string | (() => string);
  /** Asked anew for every request, so that grants can change while the vault runs. */
  readonly properties: () => VaultProperties;
  /** The audience of tokens, as in the challenge; `https://vault.azure.net` when missing. */
  readonly resource?: string;
  /** PEM. The Azure SDKs insist on https. */
  readonly tls?: { readonly key: string; readonly cert: string };
}

const JSON_TYPE = 'application/json; charset=utf-8';
const API_VERSION = /^(?:7\.\d+|20\d{2}-\d{2}-\d{2})(?:-preview(?:\.\d+)?)?$/;
const MAX_RESULTS = 25;

const attributesSchema = z.object({
  enabled: z.boolean().optional(),
  nbf: z.int().optional(),
  exp: z.int().optional(),
});
const updateSchema = z.object({
  contentType: z.string().max(255).optional(),
  tags: z.record(z.string().max(256), z.string().max(256)).optional(),
  attributes: attributesSchema.optional(),
});
const setSchema = updateSchema.extend({ value: z.string() });

/** An answer of Key Vault other than success; it never leaves this file. */
class VaultFault extends Error {
  readonly status: number;
  readonly vaultCode: string;
  readonly innerCode: string | undefined;
  readonly challenge: boolean;

  constructor(
    status: number,
    vaultCode: string,
    message: string,
    options: { readonly innerCode?: string; readonly challenge?: boolean } = {},
  ) {
    super(message);
    this.status = status;
    this.vaultCode = vaultCode;
    this.innerCode = options.innerCode;
    this.challenge = options.challenge ?? false;
  }
}

/**
 * The secrets part of the Key Vault data plane: set, get, update, list, versions, delete, recover, purge.
 * Every request is judged in the order token, network, permission, object; a request without a token is challenged before
 * its body is looked at. Backup and restore are not served.
 */
export function buildKeyVaultApp(options: KeyVaultAppOptions): FastifyInstance {
  const { vault, tokenIssuer } = options;
  const resource = options.resource ?? 'https://vault.azure.net';
  const app = createApp({ bodyLimitBytes: 256 * 1024, ...(options.tls === undefined ? {} : { tls: options.tls }) });

  const origin = (): string =>
    (typeof options.vaultUrl === 'string' ? options.vaultUrl : options.vaultUrl()).replace(/\/+$/, '');
  const challenge = (): string =>
    `Bearer authorization="${tokenIssuer.authorityUrl}/${tokenIssuer.tenantId}", resource="${resource}"`;

  app.addHook('onRequest', async (_request, reply) => {
    reply.header('x-ms-request-id', randomUUID()).header('x-ms-keyvault-service-version', '1.9.0.0');
  });
  app.addHook('onRequest', async (request) => {
    const caller = authenticate(request, tokenIssuer, resource);
    const permission = (request.routeOptions.config as { permission?: SecretPermission }).permission;
    if (permission !== undefined) {
      const refusal = checkVaultAccess(options.properties(), caller, permission);
      if (refusal !== undefined)
        throw new VaultFault(403, 'Forbidden', refusal.message, { innerCode: refusal.innerCode });
    }
    const version = queryOf(request).get('api-version');
    if (version === null || !API_VERSION.test(version)) {
      const text = version === null ? 'Missing api-version' : `The api-version '${version}' is not supported`;
      throw new VaultFault(400, 'BadParameter', text);
    }
  });
  app.setErrorHandler(async (error, _request, reply) => {
    const fault = faultOf(error);
    if (fault.challenge) reply.header('WWW-Authenticate', challenge());
    const innererror = fault.innerCode === undefined ? {} : { innererror: { code: fault.innerCode } };
    return reply
      .code(fault.status)
      .header('Content-Type', JSON_TYPE)
      .send({ error: { code: fault.vaultCode, message: fault.message, ...innererror } });
  });
  app.setNotFoundHandler(async () => {
    throw new VaultFault(404, 'NotFound', 'No such operation on this vault');
  });

  const sendJson = async (reply: FastifyReply, body: unknown): Promise<FastifyReply> =>
    reply.header('Content-Type', JSON_TYPE).send(body);

  app.get('/', async () => {
    throw new VaultFault(404, 'NotFound', 'No such operation on this vault');
  });
  app.get('/secrets', { config: { permission: 'list' } }, async (request, reply) =>
    sendJson(
      reply,
      pageOf(
        request,
        origin(),
        vault.listSecrets().map((secret) => secretItem(secret, origin(), false)),
      ),
    ),
  );
  app.get('/secrets/:name/versions', { config: { permission: 'list' } }, async (request, reply) => {
    const items = vault.listVersions(nameOf(request)).map((secret) => secretItem(secret, origin(), true));
    return sendJson(reply, pageOf(request, origin(), items));
  });
  app.get('/secrets/:name', { config: { permission: 'get' } }, async (request, reply) =>
    sendJson(reply, secretBundle(vault.getSecret(nameOf(request)), origin())),
  );
  app.get('/secrets/:name/:version', { config: { permission: 'get' } }, async (request, reply) =>
    sendJson(reply, secretBundle(vault.getSecret(nameOf(request), versionOf(request)), origin())),
  );
  app.put('/secrets/:name', { config: { permission: 'set' } }, async (request, reply) => {
    const body = parseBody(request, setSchema);
    return sendJson(reply, secretBundle(await vault.setSecret(nameOf(request), body.value, changesOf(body)), origin()));
  });
  const update = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const changes = changesOf(parseBody(request, updateSchema));
    const secret = await vault.updateSecret(nameOf(request), versionOf(request), changes);
    return sendJson(reply, secretItem(secret, origin(), true));
  };
  app.patch('/secrets/:name', { config: { permission: 'set' } }, update);
  app.patch('/secrets/:name/:version', { config: { permission: 'set' } }, update);
  app.delete('/secrets/:name', { config: { permission: 'delete' } }, async (request, reply) =>
    sendJson(reply, deletedBundle(await vault.deleteSecret(nameOf(request)), origin())),
  );
  app.get('/deletedsecrets', { config: { permission: 'list' } }, async (request, reply) =>
    sendJson(
      reply,
      pageOf(
        request,
        origin(),
        vault.listDeleted().map((deleted) => deletedBundle(deleted, origin())),
      ),
    ),
  );
  app.get('/deletedsecrets/:name', { config: { permission: 'get' } }, async (request, reply) =>
    sendJson(reply, deletedBundle(vault.getDeleted(nameOf(request)), origin())),
  );
  app.post('/deletedsecrets/:name/recover', { config: { permission: 'recover' } }, async (request, reply) =>
    sendJson(reply, secretItem(await vault.recoverSecret(nameOf(request)), origin(), true)),
  );
  app.delete('/deletedsecrets/:name', { config: { permission: 'purge' } }, async (request, reply) => {
    await vault.purgeSecret(nameOf(request));
    return reply.code(204).send();
  });
  return app;
}

function authenticate(
  request: FastifyRequest,
  tokenIssuer: TokenIssuer,
  resource: string,
): { readonly objectId: string; readonly clientId: string; readonly issuer: string } {
  const token = /^(?:bearer|pop) +(\S+)$/i.exec(request.headers.authorization?.trim() ?? '')?.[1];
  if (token === undefined) {
    const text = 'AKV10000: Request is missing a Bearer or PoP token.';
    throw new VaultFault(401, 'Unauthorized', text, { challenge: true });
  }
  try {
    return tokenIssuer.verifyAccessToken(token, [resource, `${resource}/`]);
  } catch (error) {
    if (!(error instanceof PlatformError)) throw error;
    const text =
      error.details['problem'] === 'audience'
        ? `AKV10022: Invalid audience: ${error.message}.`
        : `Error validating token: ${error.message}.`;
    throw new VaultFault(401, 'Unauthorized', text, { challenge: true });
  }
}

const FAULTS: Readonly<Record<string, readonly [status: number, code: string, innerCode?: string]>> = {
  VAULT_SECRET_NOT_FOUND: [404, 'SecretNotFound'],
  VAULT_SECRET_DISABLED: [403, 'Forbidden', 'SecretDisabled'],
  VAULT_SECRET_DELETED: [409, 'Conflict', 'ObjectIsDeletedButRecoverable'],
  VAULT_PARAMETER_INVALID: [400, 'BadParameter'],
};

function faultOf(error: unknown): VaultFault {
  if (error instanceof VaultFault) return error;
  const [status, code, innerCode] = (error instanceof PlatformError ? FAULTS[error.code] : undefined) ?? [];
  if (error instanceof PlatformError && status !== undefined && code !== undefined) {
    return new VaultFault(status, code, error.message, innerCode === undefined ? {} : { innerCode });
  }
  const http = (error as { statusCode?: unknown }).statusCode;
  if (http === 413) return new VaultFault(413, 'RequestEntityTooLarge', 'The request body is too large.');
  if (typeof http === 'number' && http >= 400 && http < 500) {
    return new VaultFault(http, 'BadParameter', 'The request cannot be read.');
  }
  return new VaultFault(500, 'InternalServerError', 'The server encountered an internal error.');
}

function parseBody<S extends z.ZodType>(request: FastifyRequest, schema: S): z.output<S> {
  const type = request.headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase();
  if (type !== 'application/json')
    throw new VaultFault(415, 'BadParameter', 'The content type must be application/json.');
  let value: unknown;
  try {
    value = JSON.parse(Buffer.isBuffer(request.body) ? request.body.toString('utf8') : '');
  } catch {
    throw new VaultFault(400, 'BadParameter', 'The request body is not JSON.');
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const places = parsed.error.issues.map((issue) => issue.path.join('.') || 'body').join(', ');
  throw new VaultFault(400, 'BadParameter', `Property has an invalid value: ${places}`);
}

function changesOf(body: z.output<typeof updateSchema>): SecretChanges {
  return { contentType: body.contentType, tags: body.tags, ...body.attributes };
}

function nameOf(request: FastifyRequest): string {
  return (request.params as { name: string }).name;
}

/** Empty for the newest version. */
function versionOf(request: FastifyRequest): string {
  return (request.params as { version?: string }).version ?? '';
}

/** The decoded query: the Azure SDKs send the name as `api%2Dversion`. */
function queryOf(request: FastifyRequest): URLSearchParams {
  const at = request.url.indexOf('?');
  return new URLSearchParams(at === -1 ? '' : request.url.slice(at + 1));
}

/** One page of a list, with the address of the next one. */
function pageOf(request: FastifyRequest, origin: string, items: readonly unknown[]): Readonly<Record<string, unknown>> {
  const query = queryOf(request);
  const size = Number(query.get('maxresults') ?? MAX_RESULTS);
  if (!Number.isInteger(size) || size < 1 || size > MAX_RESULTS) {
    throw new VaultFault(400, 'BadParameter', `maxresults must be between 1 and ${MAX_RESULTS}`);
  }
  const start = Number(query.get('$skiptoken') ?? 0);
  if (!Number.isSafeInteger(start) || start < 0)
    throw new VaultFault(400, 'BadParameter', 'The skip token is not valid.');
  const end = start + size;
  let nextLink: string | null = null;
  if (end < items.length) {
    const path = request.url.split('?', 1)[0] ?? '';
    query.set('$skiptoken', String(end));
    nextLink = `${origin}${path}?${query.toString()}`;
  }
  return { value: items.slice(start, end), nextLink };
}

/** A secret without its value; `id` names the version where one is meant. */
function secretItem(secret: SecretVersion, origin: string, withVersion: boolean): Readonly<Record<string, unknown>> {
  const { contentType, tags, attributes } = secret;
  return {
    id: `${origin}/secrets/${secret.name}${withVersion ? `/${secret.version}` : ''}`,
    ...(contentType === undefined ? {} : { contentType }),
    attributes: { ...attributes, recoveryLevel: 'Recoverable+Purgeable', recoverableDays: RECOVERABLE_DAYS },
    ...(tags === undefined ? {} : { tags }),
  };
}

function secretBundle(secret: SecretVersion, origin: string): Readonly<Record<string, unknown>> {
  return { value: secret.value, ...secretItem(secret, origin, true) };
}

function deletedBundle(deleted: DeletedSecret, origin: string): Readonly<Record<string, unknown>> {
  return {
    recoveryId: `${origin}/deletedsecrets/${deleted.secret.name}`,
    deletedDate: deleted.deletedDate,
    scheduledPurgeDate: deleted.scheduledPurgeDate,
    ...secretItem(deleted.secret, origin, true),
  };
}
