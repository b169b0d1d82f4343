import { ArmFault } from '../../arm-fault.ts';
import { objectAt, objectsAt, overlay, textAt, valueAt } from '../../json.ts';
import type { JsonObject } from '../../json.ts';
import { checkName } from '../../name-rules.ts';
import { lastName, parentOf } from '../../resource-id.ts';
import type { StoredResource } from '../../resource-store.ts';
import { anyOf, commonShape, entryShape, readOnly } from '../../shape.ts';
import type { Shape } from '../../shape.ts';
import type { Change, ResourceKind } from '../kind.ts';
import { mustBeUnused, mustExist, networkVersions } from './references.ts';

const RULE = 'Microsoft.Network/networkSecurityGroups/securityRules';

const ruleProperties: Shape = {
  ...anyOf('description', 'protocol', 'priority', 'access', 'direction'),
  ...anyOf('sourcePortRange', 'sourcePortRanges', 'destinationPortRange', 'destinationPortRanges'),
  ...anyOf('sourceAddressPrefix', 'sourceAddressPrefixes', 'destinationAddressPrefix', 'destinationAddressPrefixes'),
  ...anyOf('sourceApplicationSecurityGroups', 'destinationApplicationSecurityGroups'),
  provisioningState: 'read',
};

/** Two rules of one direction cannot have one priority. */
function mustNotConflict(rules: readonly (readonly [name: string, properties: JsonObject])[]): void {
  const seen = new Map<string, string>();
  for (const [name, properties] of rules) {
    const priority = valueAt(properties, 'priority');
    if (typeof priority !== 'number' || priority < 100 || priority > 4096) {
      const text = `Security rule ${name} has an invalid priority. The value must be between 100 and 4096.`;
      throw new ArmFault(400, 'SecurityRuleInvalidPriority', text);
    }
    const slot = `${textAt(properties, 'direction') ?? ''} ${priority}`;
    const other = seen.get(slot);
    if (other !== undefined) {
      const text = `Security rule ${name} conflicts with rule ${other}. Rules cannot have the same Priority and Direction.`;
      throw new ArmFault(400, 'SecurityRuleConflict', text);
    }
    seen.set(slot, name);
  }
}

const ruleAfter = (properties: JsonObject): JsonObject => ({ ...properties, provisioningState: 'Succeeded' });

export const networkSecurityGroups: ResourceKind = {
  type: 'Microsoft.Network/networkSecurityGroups',
  apiVersions: networkVersions,
  shape: {
    ...commonShape,
    properties: {
      securityRules: { ...entryShape, properties: ruleProperties },
      flushConnection: 'any',
      ...readOnly('defaultSecurityRules', 'networkInterfaces', 'subnets', 'provisioningState', 'resourceGuid'),
    },
  },
  name: 'networkPart',
  ends: 'async-operation',
  etag: true,
  write: (change) => {
    writeRules(change);
    const { securityRules: _, ...properties } = objectAt(change.body, 'properties');
    const resourceGuid = textAt(change.before?.body, 'properties.resourceGuid') ?? change.world.uuid();
    return { ...change.body, properties: { ...properties, resourceGuid, provisioningState: 'Succeeded' } };
  },
  view: (resource, world) => {
    const rules = world.store.children(resource.id, RULE);
    const securityRules = rules.map(({ id, name, type, body }): JsonObject => ({ id, name, type, ...body }));
    return overlay(resource.body, { properties: { securityRules } });
  },
  beforeRemoval: (resource, world) =>
    mustBeUnused(world, resource.id, resource.id, 'InUseNetworkSecurityGroupCannotBeDeleted', 'Network security group'),
  removal: 'async-operation',
};

/** A list of rules is the whole list. */
function writeRules({ world, id, before, body }: Change): void {
  if (valueAt(body, 'properties.securityRules') === undefined) return;
  const groupId = before?.id ?? id.text;
  const wanted = objectsAt(body, 'properties.securityRules').map((rule) => {
    const name = textAt(rule, 'name') ?? '';
    checkName('networkPart', name);
    return [name, ruleAfter(objectAt(rule, 'properties'))] as const;
  });
  mustNotConflict(wanted);
  const names = new Set(wanted.map(([name]) => name.toLowerCase()));
  const gone = world.store.children(groupId, RULE).filter(({ name }) => !names.has(name.toLowerCase()));
  for (const rule of gone) world.store.delete(rule.id);
  for (const [name, properties] of wanted) {
    const ruleId = `${groupId}/securityRules/${name}`;
    world.store.put({ id: ruleId, type: RULE, name: lastName(ruleId), body: { properties } });
  }
}

export const securityRules: ResourceKind = {
  type: RULE,
  apiVersions: networkVersions,
  shape: { ...commonShape, properties: ruleProperties },
  name: 'networkPart',
  ends: 'async-operation',
  etag: true,
  write: ({ world, id, body }) => {
    const groupId = parentOf(id) ?? '';
    mustExist(world, groupId, id.text);
    const own = lastName(id.text).toLowerCase();
    const others = world.store.children(groupId, RULE).filter(({ name }: StoredResource) => name.toLowerCase() !== own);
    const properties = ruleAfter(objectAt(body, 'properties'));
    mustNotConflict([
      ...others.map((other) => [other.name, objectAt(other.body, 'properties')] as const),
      [lastName(id.text), properties],
    ]);
    return { properties };
  },
  removal: 'async-operation',
};
