import { randomBytes } from 'node:crypto';

import { fromBase64Url, RequestError, toBase64Url } from '@holdfast/base';
import type { Clock } from '@holdfast/base';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';

import { importedKeySchema, KEY_TYPES, publicMembers } from './key-material.ts';
import { decryptWith, encryptWith } from './key-operations.ts';
import { assertUsable } from './key-release.ts';
import type { ReleaseKey } from './key-release.ts';
import { RECOVERABLE_DAYS } from './vault-items.ts';
import type { DeletedKey, KeyChanges, KeyStore, KeyVersion } from './key-store.ts';
import type { VaultPermission } from './vault-access.ts';
import { nameOf, pageOf, parseBody, queryOf, sendJson, VaultFault, versionOf } from './vault-http.ts';

export interface KeyRoutesOptions {
  readonly store: KeyStore;
  readonly clock: Clock;
  /** Missing: releases are answered with 501. */
  readonly release: ReleaseKey | undefined;
  readonly origin: () => string;
  /** Client id of whoever sent a request. */
  readonly callerOf: (request: FastifyRequest) => string;
}

const attributesSchema = z.object({
  enabled: z.boolean().optional(),
  nbf: z.int().optional(),
  exp: z.int().optional(),
  exportable: z.boolean().optional(),
});
const changesSchema = z.object({
  key_ops: z.array(z.string()).max(16).optional(),
  attributes: attributesSchema.optional(),
  tags: z.record(z.string().max(256), z.string().max(256)).optional(),
  release_policy: z
    .object({ contentType: z.string().max(255).optional(), data: z.string(), immutable: z.boolean().optional() })
    .optional(),
});
const createSchema = changesSchema.extend({
  kty: z.enum(KEY_TYPES),
  key_size: z.int().optional(),
  public_exponent: z.int().optional(),
  crv: z.string().optional(),
});
/** The JavaScript SDK spells the flag with a capital letter. */
const importSchema = changesSchema.extend({
  key: importedKeySchema,
  Hsm: z.boolean().optional(),
  hsm: z.boolean().optional(),
});
const operationSchema = z.object({ alg: z.string(), value: z.string() });
const randomSchema = z.object({ count: z.int().min(1).max(128) });

/** Operations with a key: path segment, the permission and key operation it needs. */
const OPERATIONS = [
  { path: 'encrypt', needs: 'encrypt', run: encryptWith },
  { path: 'decrypt', needs: 'decrypt', run: decryptWith },
  { path: 'wrapkey', needs: 'wrapKey', run: encryptWith },
  { path: 'unwrapkey', needs: 'unwrapKey', run: decryptWith },
] as const;

const RECOVERY = { recoveryLevel: 'Recoverable+Purgeable', recoverableDays: RECOVERABLE_DAYS } as const;

/**
 * The keys part of the Key Vault data plane: create, import, get, update, list, versions, delete, recover, purge, backup,
 * restore, rotate, encrypt, decrypt, wrap, unwrap, random bytes, and release. Signing, rotation policies and key attestation
 * are not served.
 */
export function registerKeyRoutes(app: FastifyInstance, options: KeyRoutesOptions): void {
  const { store, origin } = options;
  const needs = (permission: VaultPermission) => ({ config: { permission } });
  const bundle = (key: KeyVersion): Readonly<Record<string, unknown>> => keyBundle(key, origin());

  app.get('/keys', needs('keys/list'), async (request, reply) =>
    sendJson(
      reply,
      pageOf(
        request,
        origin(),
        store.listKeys().map((key) => keyItem(key, origin(), false)),
      ),
    ),
  );
  app.get('/keys/:name/versions', needs('keys/list'), async (request, reply) => {
    const items = store.listVersions(nameOf(request)).map((key) => keyItem(key, origin(), true));
    return sendJson(reply, pageOf(request, origin(), items));
  });
  const get = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> =>
    sendJson(reply, bundle(store.getKey(nameOf(request), versionOf(request))));
  app.get('/keys/:name', needs('keys/get'), get);
  app.get('/keys/:name/:version', needs('keys/get'), get);

  app.post('/keys/:name/create', needs('keys/create'), async (request, reply) => {
    const body = parseBody(request, createSchema);
    assertVersionKnowsRelease(request, body);
    const key = await store.createKey(nameOf(request), {
      ...changesOf(body),
      kty: body.kty,
      keySize: body.key_size,
      crv: body.crv,
      publicExponent: body.public_exponent,
    });
    return sendJson(reply, bundle(key));
  });
  app.put('/keys/:name', needs('keys/import'), async (request, reply) => {
    const body = parseBody(request, importSchema);
    assertVersionKnowsRelease(request, body);
    const { keyOps: _, ...changes } = changesOf(body);
    const hsm = body.Hsm ?? body.hsm ?? false;
    return sendJson(reply, bundle(await store.importKey(nameOf(request), body.key, hsm, changes)));
  });
  const update = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const changes = changesOf(parseBody(request, changesSchema));
    return sendJson(reply, bundle(await store.updateKey(nameOf(request), versionOf(request), changes)));
  };
  app.patch('/keys/:name', needs('keys/update'), update);
  app.patch('/keys/:name/:version', needs('keys/update'), update);
  app.post('/keys/:name/rotate', needs('keys/rotate'), async (request, reply) =>
    sendJson(reply, bundle(await store.rotateKey(nameOf(request)))),
  );

  app.delete('/keys/:name', needs('keys/delete'), async (request, reply) =>
    sendJson(reply, deletedBundle(await store.deleteKey(nameOf(request)), origin())),
  );
  app.get('/deletedkeys', needs('keys/list'), async (request, reply) => {
    const items = store.listDeleted().map((deleted) => deletedBundle(deleted, origin()));
    return sendJson(reply, pageOf(request, origin(), items));
  });
  app.get('/deletedkeys/:name', needs('keys/get'), async (request, reply) =>
    sendJson(reply, deletedBundle(store.getDeleted(nameOf(request)), origin())),
  );
  app.post('/deletedkeys/:name/recover', needs('keys/recover'), async (request, reply) =>
    sendJson(reply, bundle(await store.recoverKey(nameOf(request)))),
  );
  app.delete('/deletedkeys/:name', needs('keys/purge'), async (request, reply) => {
    await store.purgeKey(nameOf(request));
    return reply.code(204).send();
  });
  app.post('/keys/:name/backup', needs('keys/backup'), async (request, reply) =>
    sendJson(reply, { value: store.backupKey(nameOf(request)) }),
  );
  app.post('/keys/restore', needs('keys/restore'), async (request, reply) => {
    const { value } = parseBody(request, z.object({ value: z.string() }));
    return sendJson(reply, bundle(await store.restoreKey(value)));
  });
  app.post('/rng', needs('keys/get'), async (request, reply) => {
    const { count } = parseBody(request, randomSchema);
    return sendJson(reply, { value: toBase64Url(randomBytes(count)) });
  });

  registerOperations(app, options);
  registerRelease(app, options);
}

function registerOperations(app: FastifyInstance, { store, clock, origin }: KeyRoutesOptions): void {
  for (const { path, needs, run } of OPERATIONS) {
    const handler = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
      const key = store.getKey(nameOf(request), versionOf(request));
      assertUsable(key.attributes, clock, needs);
      if (!key.keyOps.includes(needs)) {
        throw new RequestError('VAULT_KEY_OPERATION_FORBIDDEN', `Operation ${needs} is not permitted on this key.`);
      }
      const { alg, value } = parseBody(request, operationSchema);
      let input: Uint8Array;
      try {
        input = fromBase64Url(value.replace(/={1,2}$/, ''));
      } catch {
        throw new VaultFault(400, 'BadParameter', 'value is not Base64url');
      }
      return sendJson(reply, { kid: keyId(key, origin()), value: toBase64Url(run(key.material, alg, input)) });
    };
    const config = { config: { permission: `keys/${needs}` } };
    app.post(`/keys/:name/${path}`, config, handler);
    app.post(`/keys/:name/:version/${path}`, config, handler);
  }
}

function registerRelease(app: FastifyInstance, options: KeyRoutesOptions): void {
  const handler = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    if (options.release === undefined) throw new VaultFault(501, 'NotImplemented', 'This vault releases no keys.');
    const origin = options.origin();
    const version = versionOf(request);
    const key = options.store.getKey(nameOf(request), version);
    const value = await options.release({
      key,
      keyId: keyId(key, origin),
      requestedId: `${origin}/keys/${key.name}${version === '' ? '' : `/${key.version}`}`,
      bundle: keyBundle(key, origin),
      body: Buffer.isBuffer(request.body) ? request.body : new Uint8Array(),
      apiVersion: queryOf(request).get('api-version') ?? '',
      caller: options.callerOf(request),
    });
    return sendJson(reply, { value });
  };
  // Older clients leave an empty version between two slashes; the router takes them for one.
  const config = { config: { permission: 'keys/release' } };
  app.post('/keys/:name/release', config, handler);
  app.post('/keys/:name/:version/release', config, handler);
}

function changesOf(body: z.output<typeof changesSchema>): KeyChanges {
  return { keyOps: body.key_ops, tags: body.tags, releasePolicy: body.release_policy, ...body.attributes };
}

/** Key release came with version 7.3 of the interface. */
function assertVersionKnowsRelease(request: FastifyRequest, body: z.output<typeof changesSchema>): void {
  if (body.attributes?.exportable !== true && body.release_policy === undefined) return;
  if (/^7\.[0-2](?:$|-)/.test(queryOf(request).get('api-version') ?? '')) {
    const text = 'AKV.SKR.1001: Exportable keys need a premium vault and api-version 7.3 or later.';
    throw new RequestError('VAULT_KEY_PARAMETER_INVALID', text);
  }
}

function keyId(key: KeyVersion, origin: string): string {
  return `${origin}/keys/${key.name}/${key.version}`;
}

function attributesOf(key: KeyVersion): Readonly<Record<string, unknown>> {
  return { ...key.attributes, ...RECOVERY };
}

/** A key without its public part; `kid` names the version where one is meant. */
function keyItem(key: KeyVersion, origin: string, withVersion: boolean): Readonly<Record<string, unknown>> {
  return {
    kid: withVersion ? keyId(key, origin) : `${origin}/keys/${key.name}`,
    attributes: attributesOf(key),
    ...(key.tags === undefined ? {} : { tags: key.tags }),
  };
}

function keyBundle(key: KeyVersion, origin: string): Readonly<Record<string, unknown>> {
  return {
    key: { kid: keyId(key, origin), kty: key.material.kty, key_ops: key.keyOps, ...publicMembers(key.material) },
    attributes: attributesOf(key),
    ...(key.tags === undefined ? {} : { tags: key.tags }),
    ...(key.releasePolicy === undefined ? {} : { release_policy: key.releasePolicy }),
  };
}

function deletedBundle(deleted: DeletedKey, origin: string): Readonly<Record<string, unknown>> {
  return {
    recoveryId: `${origin}/deletedkeys/${deleted.key.name}`,
    deletedDate: deleted.deletedDate,
    scheduledPurgeDate: deleted.scheduledPurgeDate,
    ...keyBundle(deleted.key, origin),
  };
}
