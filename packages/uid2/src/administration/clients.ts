import { createSecretKey } from 'node:crypto';

import { RequestError, toBase64 } from '@holdfast/base';

import { generateApiKey, saltApiKey } from '../api-keys/api-key.ts';
import type { ApiKeyHolder, GeneratedApiKey } from '../api-keys/api-key.ts';
import type { ClientRecord } from '../api-keys/client-record.ts';
import { sortRoles } from '../api-keys/roles.ts';
import type { Role } from '../api-keys/roles.ts';
import type { Keyset } from '../keysets/keyset.ts';
import { withKeysetOf } from './keysets.ts';
import { existingRecord, invalidValue, onlyRecord, requireText, unknownRecord } from './refusals.ts';
import { findSite } from './sites.ts';
import { change, nowSeconds, replaced } from './world.ts';
import type { AdministrationContext, Change, KeyNaming, World } from './world.ts';

/** What a client of an operator may do. */
export const CLIENT_ROLES = ['GENERATOR', 'MAPPER', 'ID_READER', 'SHARER', 'OPTOUT'] as const satisfies readonly Role[];

export interface ClientFields {
  readonly name: string;
  readonly siteId: number;
  readonly roles: readonly Role[];
  /** 0 when the client is not a service. */
  readonly serviceId: number;
}

/** A new client key. `key` and `secret` exist nowhere else: the records hold a hash of the key. */
export interface IssuedClient {
  readonly client: ClientRecord;
  readonly key: string;
  /** Base64 of 32 bytes, which the record has to hold too. */
  readonly secret: string;
  /** The keyset that was made for the site, if it needed one. */
  readonly keyset: Keyset | undefined;
}

const SECRET_BYTES = 32;

/**
 * The client that goes by `name`: a key id, a contact, or the name of exactly one client.
 * @throws RequestError ADMIN_RECORD_UNKNOWN, ADMIN_RECORD_AMBIGUOUS
 */
export function findClient(world: World, name: string): ClientRecord {
  const exact = world.clients.filter(({ keyId, contact }) => keyId === name || contact === name);
  const found = exact.length > 0 ? exact : world.clients.filter((client) => client.name === name);
  return onlyRecord('client', name, found, ({ keyId }) => keyId, 'client');
}

/**
 * Adds a client key. A site whose client generates tokens or shares gets a keyset if it has none: open to all readers for
 * GENERATOR, closed for SHARER.
 * @throws RequestError ADMIN_RECORD_UNKNOWN, ADMIN_VALUE_INVALID, ADMIN_SITE_DISABLED
 */
export function createClient(
  world: World,
  fields: ClientFields,
  naming: KeyNaming,
  context: AdministrationContext,
): Change<IssuedClient> {
  const site = findSite(world, fields.siteId);
  if (!site.enabled) {
    throw new RequestError('ADMIN_SITE_DISABLED', `site ${site.id} (${site.name}) is disabled`, {
      details: { siteId: site.id },
      action: `Enable it with \`holdfast uid2 site enable ${site.id}\`.`,
    });
  }
  const roles = checkedRoles(fields.roles);
  checkService(world, fields.serviceId);
  const { key, keyId } = freshKey(world, 'client', fields.siteId, naming, context);
  const secret = context.randomBytes(SECRET_BYTES);
  const client: ClientRecord = {
    ...saltApiKey(key, context.randomBytes),
    secret: createSecretKey(secret),
    name: requireText('name', fields.name),
    contact: `${site.name}_${keyId}`,
    created: nowSeconds(context),
    roles,
    siteId: fields.siteId,
    disabled: false,
    serviceId: fields.serviceId,
    keyId,
  };
  const { world: prepared, keyset, notes } = withNeededKeyset(world, client, context);
  const next = { ...prepared, clients: [...prepared.clients, client] };
  return change(next, { client, key, secret: toBase64(secret), keyset }, { notes });
}

export type ClientPatch = Partial<Pick<ClientFields, 'name' | 'roles' | 'serviceId'>> & { readonly contact?: string };

/**
 * Changes the given fields of a client.
 * @throws RequestError ADMIN_RECORD_UNKNOWN, ADMIN_RECORD_EXISTS for a contact that is taken, ADMIN_VALUE_INVALID
 */
export function updateClient(
  world: World,
  name: string,
  patch: ClientPatch,
  context: AdministrationContext,
): Change<ClientRecord> {
  const client = findClient(world, name);
  if (patch.serviceId !== undefined) checkService(world, patch.serviceId);
  if (
    patch.contact !== undefined &&
    world.clients.some((other) => other !== client && other.contact === patch.contact)
  ) {
    throw existingRecord('client', `another client has the contact ${patch.contact}`);
  }
  const updated: ClientRecord = {
    ...client,
    ...patch,
    name: requireText('name', patch.name ?? client.name),
    contact: requireText('contact', patch.contact ?? client.contact),
    roles: patch.roles === undefined ? client.roles : checkedRoles(patch.roles),
  };
  const lost = client.roles.filter((role) => !updated.roles.includes(role));
  const { world: prepared, notes } = withNeededKeyset(world, updated, context);
  return change({ ...prepared, clients: replaced(prepared.clients, client, updated) }, updated, {
    consequences:
      lost.length > 0 && !client.disabled
        ? [`Client ${client.keyId} (${client.name}) gets 401 where it needs ${lost.join(' or ')}.`]
        : [],
    notes,
  });
}

/**
 * Enables or disables a client key.
 * @throws RequestError ADMIN_RECORD_UNKNOWN, ADMIN_RECORD_AMBIGUOUS
 */
export function setClientEnabled(world: World, name: string, enabled: boolean): Change<ClientRecord> {
  const client = findClient(world, name);
  const updated = { ...client, disabled: !enabled };
  return change({ ...world, clients: replaced(world.clients, client, updated) }, updated, {
    consequences: enabled ? [] : lastKeyOfSite(world, client),
  });
}

export interface RotatedClient extends IssuedClient {
  /** The client whose key is being replaced, as it is now. */
  readonly previous: ClientRecord;
}

/**
 * Gives the holder of a client key a second one with the same name, site, roles and service. The old key keeps working
 * until it is disabled, or stops with `replace`.
 * @throws RequestError ADMIN_RECORD_UNKNOWN, ADMIN_RECORD_AMBIGUOUS, ADMIN_VALUE_INVALID
 */
export function rotateClient(
  world: World,
  name: string,
  replace: boolean,
  naming: KeyNaming,
  context: AdministrationContext,
): Change<RotatedClient> {
  const old = findClient(world, name);
  if (old.siteId === undefined) {
    throw invalidValue('client', `client ${old.keyId} belongs to no site`, 'Create a client for its site instead.');
  }
  const { siteId, roles, serviceId } = old;
  const created = createClient(world, { name: old.name, siteId, roles, serviceId }, naming, context);
  const previous = replace ? { ...old, disabled: true } : old;
  return change(
    { ...created.world, clients: replaced(created.world.clients, old, previous) },
    { ...created.result, previous },
    {
      consequences:
        replace && !old.disabled
          ? [`The old key ${old.keyId} (${old.name}) stops working before its holder has the new one.`]
          : [],
      notes: replace ? created.notes : [...created.notes, `The old key ${old.keyId} works until it is disabled.`],
    },
  );
}

/** A new key whose public id no client or operator has. */
export function freshKey(
  world: World,
  holder: ApiKeyHolder,
  siteId: number,
  naming: KeyNaming,
  context: AdministrationContext,
): GeneratedApiKey {
  const taken = new Set([...world.clients, ...world.operators].map(({ keyId }) => keyId));
  for (;;) {
    const generated = generateApiKey({ ...naming, holder, siteId }, context.randomBytes);
    if (!taken.has(generated.keyId)) return generated;
  }
}

function withNeededKeyset(world: World, client: ClientRecord, context: AdministrationContext) {
  const { siteId, roles } = client;
  if (siteId !== undefined && roles.includes('GENERATOR')) return withKeysetOf(world, siteId, undefined, context);
  if (siteId !== undefined && roles.includes('SHARER')) return withKeysetOf(world, siteId, [], context);
  return { world, keyset: undefined, notes: [] };
}

function checkedRoles(roles: readonly Role[]): readonly Role[] {
  const foreign = roles.find((role) => !(CLIENT_ROLES as readonly Role[]).includes(role));
  if (foreign === undefined && roles.length > 0) return sortRoles(roles);
  const problem = foreign === undefined ? 'a client needs at least one role' : `${foreign} is no role of a client`;
  throw invalidValue('roles', problem, `Give some of ${CLIENT_ROLES.join(', ')}.`);
}

function checkService(world: World, serviceId: number): void {
  if (serviceId !== 0 && !world.services.some((service) => service.serviceId === serviceId)) {
    throw unknownRecord('service', serviceId, 'service');
  }
}

function lastKeyOfSite(world: World, client: ClientRecord): readonly string[] {
  if (client.disabled) return [];
  const others = world.clients.some((other) => other !== client && other.siteId === client.siteId && !other.disabled);
  if (others) return [];
  return [
    `${client.keyId} (${client.name}) is the only active client key of site ${client.siteId ?? '?'}: that site gets 401 from every operator.`,
  ];
}
