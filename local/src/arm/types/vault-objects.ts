import { ArmFault } from '../arm-fault.ts';
import { asText, compact, objectAt, overlay, textAt, valueAt } from '../json.ts';
import type { JsonObject } from '../json.ts';
import { lastName, parentOf } from '../resource-id.ts';
import type { ResourceId } from '../resource-id.ts';
import type { StoredResource } from '../resource-store.ts';
import { anyOf, commonShape, readOnly } from '../shape.ts';
import type { ArmWorld } from '../world.ts';
import { badRequest, vaultVersions } from './key-vaults.ts';
import type { ResourceKind } from './kind.ts';

/** A secret as its vault has it: what the vault says wins over what was written here. */
async function findSecret(world: ArmWorld, id: ResourceId): Promise<StoredResource | undefined> {
  const vault = world.store.get(parentOf(id) ?? '');
  const name = lastName(id.text);
  const state = vault === undefined ? undefined : await world.effects.vaultSecret(vault.name, name);
  if (vault === undefined || state === undefined) return undefined;
  const url = world.effects.vaultUrl(vault.name);
  const written = world.store.get(id.text);
  return {
    id: written?.id ?? `${vault.id}/secrets/${name}`,
    type: secrets.type,
    name,
    body: overlay(written?.body ?? { location: vault.body['location'] ?? '' }, {
      ...(Object.keys(state.tags).length === 0 ? {} : { tags: { ...state.tags } }),
      properties: compact({
        contentType: state.contentType,
        attributes: { enabled: state.enabled },
        secretUri: `${url}secrets/${name}`,
        secretUriWithVersion: `${url}secrets/${name}/${state.version}`,
      }),
    }),
  };
}

export const SECRET = 'Microsoft.KeyVault/vaults/secrets';

export const secrets: ResourceKind = {
  type: SECRET,
  apiVersions: vaultVersions,
  shape: {
    ...commonShape,
    properties: {
      ...anyOf('value', 'contentType'),
      attributes: { ...anyOf('enabled', 'nbf', 'exp'), ...readOnly('created', 'updated') },
      ...readOnly('secretUri', 'secretUriWithVersion'),
    },
  },
  name: 'secret',
  ends: 'at-once',
  find: findSecret,
  write: async ({ world, id, before, body }) => {
    const vault = world.store.get(id.text.split('/').slice(0, -2).join('/'));
    if (vault === undefined) {
      throw new ArmFault(404, 'VaultNotFound', `The vault of ${id.text} does not exist.`);
    }
    const value = textAt(body, 'properties.value');
    const [name, url] = [lastName(id.text), world.effects.vaultUrl(vault.name)];
    const enabled = valueAt(body, 'properties.attributes.enabled') !== false;
    const contentType = textAt(body, 'properties.contentType');
    const previous = textAt(before?.body, 'properties.secretUriWithVersion');
    if (value === undefined && previous === undefined) throw badRequest('The secret has no value.', 'properties.value');
    const tags = tagsOf(body);
    const version =
      value === undefined
        ? lastName(previous ?? '')
        : await world.effects.onVaultSecret({
            vaultUrl: url,
            vaultName: vault.name,
            name,
            value,
            contentType,
            enabled,
            tags,
          });
    const now = Math.floor(world.clock() / 1000);
    const created = valueAt(before?.body, 'properties.attributes.created') ?? now;
    return {
      ...(body['tags'] === undefined ? {} : { tags }),
      location: vault.body['location'] ?? '',
      properties: compact({
        contentType,
        attributes: overlay({ enabled: true }, { ...objectAt(body, 'properties.attributes'), created, updated: now }),
        secretUri: `${url}secrets/${name}`,
        secretUriWithVersion: `${url}secrets/${name}/${version}`,
      }),
    };
  },
  createdStatus: 200,
  removal: 'at-once',
  beforeRemoval: () => {
    throw new ArmFault(405, 'MethodNotAllowed', 'Secrets are removed through the vault itself.');
  },
};

function tagsOf(body: JsonObject): Record<string, string> {
  const tags = Object.entries(objectAt(body, 'tags'));
  return Object.fromEntries(tags.map(([name, value]) => [name, asText(value)]));
}

/** Keys are made in the vault itself, because of their release policies; here they can only be seen. */
export const keys: ResourceKind = {
  type: 'Microsoft.KeyVault/vaults/keys',
  apiVersions: vaultVersions,
  shape: { ...commonShape, properties: 'any' },
  ends: 'at-once',
  write: () => {
    throw new ArmFault(405, 'MethodNotAllowed', 'Keys are made in the vault itself.');
  },
  find: async (world, id) => {
    const vault = world.store.get(parentOf(id) ?? '');
    const name = lastName(id.text);
    const state = vault === undefined ? undefined : await world.effects.vaultKey(vault.name, name);
    if (vault === undefined || state === undefined) return undefined;
    const uri = `${world.effects.vaultUrl(vault.name)}keys/${name}`;
    return {
      id: `${vault.id}/keys/${name}`,
      type: keys.type,
      name,
      body: {
        location: vault.body['location'] ?? '',
        properties: {
          kty: state.kty,
          attributes: { enabled: state.enabled },
          keyUri: uri,
          keyUriWithVersion: `${uri}/${state.version}`,
        },
      },
    };
  },
};
