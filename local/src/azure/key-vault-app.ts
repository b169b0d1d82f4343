import { AsyncLocalStorage } from 'node:async_hooks';
import { randomUUID } from 'node:crypto';

import { PlatformError } from '@holdfast/base';
import type { Clock } from '@holdfast/base';
import { createApp } from '@holdfast/http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';

import { RECOVERABLE_DAYS } from './vault-items.ts';
import type { DeletedSecret, KeyVault, SecretChanges, SecretVersion } from './key-vault.ts';
import type { ReleaseKey } from './key-release.ts';
import { registerKeyRoutes } from './key-routes.ts';
import { registerCertificateRoutes } from './certificate-routes.ts';
import type { CertificateStore } from './certificate-store.ts';
import type { KeyStore, VaultKind } from './key-store.ts';
import type { TokenIssuer } from './token-issuer.ts';
import { checkVaultAccess } from './vault-access.ts';
import type { VaultPermission, VaultProperties, VaultRequestSource } from './vault-access.ts';
import { faultOf, nameOf, pageOf, parseBody, queryOf, sendJson, VaultFault, versionOf } from './vault-http.ts';

export interface KeyVaultAppOptions {
  readonly vault: KeyVault;
  readonly tokenIssuer: TokenIssuer;
  /** Address as clients use it, without a trailing slash; a function where the port is known only later. */
  readonly vaultUrl: string | (() => string);
  /**
   * Asked anew for every request, so that grants can change while the vault runs. Where several vaults share this data plane, those
   * that the request may be about: one that lets it through is enough.
   */
  readonly properties: (asked: VaultAsked) => VaultProperties | readonly [VaultProperties, ...VaultProperties[]];
  /** The audience of tokens, as in the challenge; that of Azure for the kind of vault when missing. */
  readonly resource?: string;
  /** PEM. The Azure SDKs insist on https. */
  readonly tls?: { readonly key: string; readonly cert: string };
  /** The keys of the vault, and who releases them; without it there are only secrets. */
  readonly keys?: { readonly store: KeyStore; readonly clock: Clock; readonly release?: ReleaseKey };
  /** The certificates of the vault; without it there are none. */
  readonly certificates?: CertificateStore;
  /** Where a request comes from; the address of its connection when missing. */
  readonly sourceOf?: (request: FastifyRequest) => VaultRequestSource;
  /** How a request without a token is challenged; `vault` when missing. A managed HSM has no secrets. */
  readonly kind?: VaultKind;
}

/** What a request is about. */
export interface VaultAsked {
  /** Name of the vault, when it was asked for by its public host name. */
  readonly vaultName: string | undefined;
  /** The secret, key or certificate, where one is named. */
  readonly objectName: string | undefined;
}

const PUBLIC_HOST = /^([a-z0-9-]{3,24})\.vault\.azure\.net(?::443)?$/i;

const RESOURCES: Readonly<Record<VaultKind, string>> = {
  vault: 'https://vault.azure.net',
  'managed-hsm': 'https://managedhsm.azure.net',
};

const API_VERSION = /^(?:7\.\d+|20\d{2}-\d{2}-\d{2})(?:-preview(?:\.\d+)?)?$/;

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

/**
 * The secrets part of the Key Vault data plane: set, get, update, list, versions, delete, recover, purge.
 * Every request is judged in the order token, network, permission, object; a request without a token is challenged before
 * its body is looked at. Backup and restore of secrets are not served. With `keys` and `certificates`, those parts as well.
 */
export function buildKeyVaultApp(options: KeyVaultAppOptions): FastifyInstance {
  const { vault, tokenIssuer } = options;
  const kind = options.kind ?? 'vault';
  const resource = options.resource ?? RESOURCES[kind];
  const app = createApp({ bodyLimitBytes: 256 * 1024, ...(options.tls === undefined ? {} : { tls: options.tls }) });

  /** Of requests by a public host name: ids in their answers have that name. */
  const publicOrigin = new AsyncLocalStorage<string | undefined>();
  const origin = (): string =>
    publicOrigin.getStore() ??
    (typeof options.vaultUrl === 'string' ? options.vaultUrl : options.vaultUrl()).replace(/\/+$/, '');
  const challenge = (): string =>
    `Bearer authorization="${tokenIssuer.authorityUrl}/${tokenIssuer.tenantId}", resource="${resource}"`;

  const sourceOf = options.sourceOf ?? ((request: FastifyRequest) => ({ address: request.ip }));

  /** Client ids, for the log of releases. */
  const callers = new WeakMap<FastifyRequest, string>();
  app.addHook('onRequest', (request, _reply, done) => {
    const { vaultName } = askedVault(request);
    publicOrigin.run(vaultName === undefined ? undefined : `https://${vaultName}.vault.azure.net`, done);
  });
  app.addHook('onRequest', async (_request, reply) => {
    reply.header('x-ms-request-id', randomUUID()).header('x-ms-keyvault-service-version', '1.9.0.0');
  });
  app.addHook('onRequest', async (request) => {
    const caller = authenticate(request, tokenIssuer, resource);
    callers.set(request, caller.clientId);
    const permission = (request.routeOptions.config as { permission?: VaultPermission }).permission;
    if (permission !== undefined) {
      const [first, ...others] = [options.properties(askedVault(request))].flat();
      const judge = (properties: VaultProperties | undefined): ReturnType<typeof checkVaultAccess> =>
        checkVaultAccess(properties ?? NOBODY, caller, permission, sourceOf(request));
      const refusal = others.reduce((before, one) => before && judge(one) && before, judge(first));
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
    if (fault.challenge && kind === 'managed-hsm') return reply.code(fault.status).send();
    const innererror = fault.innerCode === undefined ? {} : { innererror: { code: fault.innerCode } };
    reply.code(fault.status);
    return sendJson(reply, { error: { code: fault.vaultCode, message: fault.message, ...innererror } });
  });
  app.setNotFoundHandler(async () => {
    throw new VaultFault(404, 'NotFound', 'No such operation on this vault');
  });

  app.get('/', async () => {
    throw new VaultFault(404, 'NotFound', 'No such operation on this vault');
  });
  if (options.keys !== undefined) {
    const { store, clock, release } = options.keys;
    registerKeyRoutes(app, { store, clock, release, origin, callerOf: (request) => callers.get(request) ?? '' });
  }
  if (kind === 'vault') registerSecretRoutes(app, vault, origin);
  if (kind === 'vault' && options.certificates !== undefined) {
    registerCertificateRoutes(app, options.certificates, origin);
  }
  return app;
}

function registerSecretRoutes(app: FastifyInstance, vault: KeyVault, origin: () => string): void {
  app.get('/secrets', { config: { permission: 'secrets/list' } }, async (request, reply) =>
    sendJson(
      reply,
      pageOf(
        request,
        origin(),
        vault.listSecrets().map((secret) => secretItem(secret, origin(), false)),
      ),
    ),
  );
  app.get('/secrets/:name/versions', { config: { permission: 'secrets/list' } }, async (request, reply) => {
    const items = vault.listVersions(nameOf(request)).map((secret) => secretItem(secret, origin(), true));
    return sendJson(reply, pageOf(request, origin(), items));
  });
  app.get('/secrets/:name', { config: { permission: 'secrets/get' } }, async (request, reply) =>
    sendJson(reply, secretBundle(vault.getSecret(nameOf(request)), origin())),
  );
  app.get('/secrets/:name/:version', { config: { permission: 'secrets/get' } }, async (request, reply) =>
    sendJson(reply, secretBundle(vault.getSecret(nameOf(request), versionOf(request)), origin())),
  );
  app.put('/secrets/:name', { config: { permission: 'secrets/set' } }, async (request, reply) => {
    const body = parseBody(request, setSchema);
    return sendJson(reply, secretBundle(await vault.setSecret(nameOf(request), body.value, changesOf(body)), origin()));
  });
  const update = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const changes = changesOf(parseBody(request, updateSchema));
    const secret = await vault.updateSecret(nameOf(request), versionOf(request), changes);
    return sendJson(reply, secretItem(secret, origin(), true));
  };
  app.patch('/secrets/:name', { config: { permission: 'secrets/set' } }, update);
  app.patch('/secrets/:name/:version', { config: { permission: 'secrets/set' } }, update);
  app.delete('/secrets/:name', { config: { permission: 'secrets/delete' } }, async (request, reply) =>
    sendJson(reply, deletedBundle(await vault.deleteSecret(nameOf(request)), origin())),
  );
  app.get('/deletedsecrets', { config: { permission: 'secrets/list' } }, async (request, reply) =>
    sendJson(
      reply,
      pageOf(
        request,
        origin(),
        vault.listDeleted().map((deleted) => deletedBundle(deleted, origin())),
      ),
    ),
  );
  app.get('/deletedsecrets/:name', { config: { permission: 'secrets/get' } }, async (request, reply) =>
    sendJson(reply, deletedBundle(vault.getDeleted(nameOf(request)), origin())),
  );
  app.post('/deletedsecrets/:name/recover', { config: { permission: 'secrets/recover' } }, async (request, reply) =>
    sendJson(reply, secretItem(await vault.recoverSecret(nameOf(request)), origin(), true)),
  );
  app.delete('/deletedsecrets/:name', { config: { permission: 'secrets/purge' } }, async (request, reply) => {
    await vault.purgeSecret(nameOf(request));
    return reply.code(204).send();
  });
}

/** A vault in which nobody may do anything. */
const NOBODY: VaultProperties = { enableRbacAuthorization: true };

/** The vault and the object of a request. */
export function askedVault({ headers, params }: FastifyRequest): VaultAsked {
  const vaultName = PUBLIC_HOST.exec(headers.host ?? '')?.[1];
  return { vaultName, objectName: (params as { readonly name?: string } | undefined)?.name };
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

function changesOf(body: z.output<typeof updateSchema>): SecretChanges {
  return { contentType: body.contentType, tags: body.tags, ...body.attributes };
}

/** A secret without its value; `id` names the version where one is meant. */
function secretItem(secret: SecretVersion, origin: string, withVersion: boolean): Readonly<Record<string, unknown>> {
  const { contentType, tags, attributes, managed } = secret;
  return {
    id: `${origin}/secrets/${secret.name}${withVersion ? `/${secret.version}` : ''}`,
    ...(contentType === undefined ? {} : { contentType }),
    ...(managed === true ? { kid: `${origin}/keys/${secret.name}/${secret.version}`, managed } : {}),
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
