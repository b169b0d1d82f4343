import { at, listAt, objectAt, textAt } from '../../bundle/shape.ts';
import { keyFingerprint } from '../../engine/names.ts';
import type { JsonObject } from '../../engine/ports.ts';
import { apiVersions } from '../../graph/api-versions.ts';
import { deletedVaultId } from '../../graph/ids.ts';
import type { VaultFacts } from '../facts.ts';
import {
  ask,
  below,
  codeOf,
  groupPath,
  lastPart,
  readAll,
  readOne,
  readVersions,
  sameId,
  statusOf,
} from './gather-context.ts';
import type { GatherContext } from './gather-context.ts';

const VAULTS = apiVersions['Microsoft.KeyVault/vaults'];
const MINUTE_MS = 60_000;

/** Name, remains and state of the vault. A managed HSM is not ours to look at; peer pods have none. */
export async function gatherVault(context: GatherContext): Promise<VaultFacts | undefined> {
  const { config } = context;
  if (config.profile === 'peer-pods') return undefined;
  if (config.profile === 'kata-cc' && config.vault.kind === 'managedHsm') return undefined;
  const { name } = config.vault;
  const id = `${groupPath(context)}/providers/Microsoft.KeyVault/vaults/${name}`;
  const [vault, available, deleted] = await Promise.all([
    readOne(context, id, VAULTS),
    ask(context, below(context, '/providers/Microsoft.KeyVault/checkNameAvailability'), VAULTS, {
      name,
      type: 'Microsoft.KeyVault/vaults',
    }),
    readOne(context, deletedVaultId(context.subscriptionId, config.location, name), VAULTS),
  ]);
  const reason = textAt(available, 'reason');
  return {
    nameAvailable: {
      available: at(available, 'nameAvailable') === true,
      ours: vault !== undefined,
      ...(reason === undefined ? {} : { reason }),
    },
    deleted: deletedFacts(deleted),
    ...(vault === undefined ? {} : await liveFacts(context, id, vault)),
  };
}

function deletedFacts(deleted: JsonObject | undefined): NonNullable<VaultFacts['deleted']> {
  if (deleted === undefined) return 'none';
  return {
    purgeProtected: at(deleted, 'properties', 'purgeProtectionEnabled') === true,
    purgeDate: (textAt(deleted, 'properties', 'scheduledPurgeDate') ?? 'an unknown day').slice(0, 10),
  };
}

async function liveFacts(
  context: GatherContext,
  id: string,
  vault: JsonObject,
): Promise<Pick<VaultFacts, 'live' | 'denied'>> {
  const [inside, secret] = await Promise.all([foreignContents(context, id), secretFacts(context, id, vault)]);
  return {
    live: {
      rbac: at(vault, 'properties', 'enableRbacAuthorization') === true,
      purgeProtection: at(vault, 'properties', 'enablePurgeProtection') === true,
      blocked: [...blockedSubnets(context, vault), ...secret.blocked],
      tenantId: textAt(vault, 'properties', 'tenantId') ?? '',
      location: textAt(vault, 'location') ?? '',
      sameKey: secret.sameKey,
      foreignContents: inside,
    },
    ...(secret.denied === undefined ? {} : { denied: secret.denied }),
  };
}

/** Who the firewall of the vault keeps out, as far as its rules tell. */
function blockedSubnets({ config, subscriptionId }: GatherContext, vault: JsonObject): readonly string[] {
  const rules = objectAt(vault, 'properties', 'networkAcls');
  const closed =
    textAt(rules, 'defaultAction') === 'Deny' || textAt(vault, 'properties', 'publicNetworkAccess') === 'Disabled';
  if (!closed || config.profile !== 'uid2-vn2') return [];
  // A private endpoint lets everybody of its network through.
  if (listAt(vault, 'properties', 'privateEndpointConnections').length > 0) return [];
  const { vnet, subnets } = config.network;
  const subnet = `/subscriptions/${subscriptionId}/resourceGroups/${config.resourceGroup.name}/providers/Microsoft.Network/virtualNetworks/${vnet.name}/subnets/${subnets.cg.name}`;
  const allowed = listAt(rules, 'virtualNetworkRules').some((rule) => sameId(textAt(rule, 'id'), subnet));
  return allowed ? [] : [`the subnet ${subnets.cg.name} of the container groups`];
}

interface SecretFacts {
  readonly blocked: readonly string[];
  readonly sameKey: boolean | undefined;
  readonly denied?: NonNullable<VaultFacts['denied']>;
}

/** What the data plane answers to whoever runs this. A refusal is a fact: it says what is missing. */
async function secretFacts(context: GatherContext, vaultId: string, vault: JsonObject): Promise<SecretFacts> {
  const { config, ports, signal } = context;
  if (ports.vault === undefined || (config.profile !== 'uid2-vn2' && config.profile !== 'private-link')) {
    return { blocked: [], sameKey: undefined };
  }
  const url = textAt(vault, 'properties', 'vaultUri') ?? `https://${config.vault.name}.vault.azure.net/`;
  try {
    const [newest] = await ports.vault.secretVersions(url, config.vault.secretName, { signal });
    const stored = newest?.tags['keyFingerprint'];
    const supplied = ports.operatorKey === undefined ? undefined : keyFingerprint(vaultId, ports.operatorKey);
    return { blocked: [], sameKey: stored === undefined || supplied === undefined ? undefined : stored === supplied };
  } catch (error) {
    if (statusOf(error) !== 403) throw error;
    const code = codeOf(error) ?? 'Forbidden';
    if (code === 'ForbiddenByFirewall' || code === 'ForbiddenByConnection') {
      return { blocked: ['this machine'], sameKey: undefined };
    }
    // Reading secrets is no right that a deployment needs: only a role that is there and does not work yet is worth a word.
    const assignedMinutesAgo = await minutesSinceAssignment(context, vaultId);
    return {
      blocked: [],
      sameKey: undefined,
      ...(assignedMinutesAgo === undefined ? {} : { denied: { code, assignedMinutesAgo } }),
    };
  }
}

/** Minutes since the caller got the newest of the roles at the vault itself; undefined when there is none. */
async function minutesSinceAssignment(context: GatherContext, vaultId: string): Promise<number | undefined> {
  const { objectId } = await context.ports.arm.caller({ signal: context.signal });
  const path = `${vaultId}/providers/Microsoft.Authorization/roleAssignments`;
  const assignments = await readAll(context, path, readVersions.authorization, {
    $filter: `principalId eq '${objectId}'`,
  });
  const times = assignments
    .filter((one) => sameId(textAt(one, 'properties', 'scope'), vaultId))
    .flatMap((one) => Date.parse(textAt(one, 'properties', 'createdOn') ?? ''))
    .filter((time) => !Number.isNaN(time));
  if (times.length === 0) return undefined;
  return Math.max(0, Math.floor((context.ports.clock() - Math.max(...times)) / MINUTE_MS));
}

/** Keys and secrets of the vault that this deployment does not make. */
async function foreignContents(context: GatherContext, id: string): Promise<readonly string[]> {
  const { config } = context;
  if (config.profile !== 'kata-cc') return [];
  const [keys, secrets] = await Promise.all([
    readAll(context, `${id}/keys`, VAULTS),
    readAll(context, `${id}/secrets`, VAULTS),
  ]);
  const nameOf = (one: JsonObject): string => textAt(one, 'name') ?? lastPart(textAt(one, 'id') ?? '');
  return [...keys.map(nameOf).filter((name) => name !== config.vault.keyName), ...secrets.map(nameOf)];
}
