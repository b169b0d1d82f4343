import { saltApiKey } from '../api-keys/api-key.ts';
import type { OperatorRecord, OperatorType } from '../api-keys/operator-record.ts';
import { sortRoles } from '../api-keys/roles.ts';
import type { Role } from '../api-keys/roles.ts';
import { freshKey } from './clients.ts';
import { withCloudKeys } from './cloud-keys.ts';
import { existingRecord, invalidValue, onlyRecord, requireText } from './refusals.ts';
import { findSite } from './sites.ts';
import { change, nowSeconds, replaced } from './world.ts';
import type { AdministrationContext, Change, KeyNaming, World } from './world.ts';

/** How an operator can prove what it is. */
export const ATTESTATION_PROTOCOLS = ['azure-cc', 'aws-nitro', 'gcp-oidc', 'trusted'] as const;

export type AttestationProtocol = (typeof ATTESTATION_PROTOCOLS)[number];

/** What the holder of an operator key may do. */
export const OPERATOR_ROLES = ['OPERATOR', 'OPTOUT', 'OPTOUT_SERVICE'] as const satisfies readonly Role[];

export interface OperatorFields {
  readonly name: string;
  readonly protocol: AttestationProtocol;
  readonly siteId: number;
  readonly operatorType: OperatorType;
  /** OPERATOR comes by itself unless OPTOUT_SERVICE is among them. */
  readonly roles: readonly Role[];
}

/** A new operator key. `key` exists nowhere else. */
export interface IssuedOperator {
  readonly operator: OperatorRecord;
  readonly key: string;
}

/**
 * The operator that goes by `name`: its name or its key id.
 * @throws RequestError ADMIN_RECORD_UNKNOWN, ADMIN_RECORD_AMBIGUOUS
 */
export function findOperator(world: World, name: string): OperatorRecord {
  const found = world.operators.filter((operator) => operator.name === name || operator.keyId === name);
  return onlyRecord('operator', name, found, ({ keyId }) => keyId, 'operator');
}

/**
 * Adds an operator key, and a cloud encryption key for its site if that has none.
 * @throws RequestError ADMIN_RECORD_UNKNOWN, ADMIN_RECORD_EXISTS, ADMIN_VALUE_INVALID
 */
export function createOperator(
  world: World,
  fields: OperatorFields,
  naming: KeyNaming,
  context: AdministrationContext,
): Change<IssuedOperator> {
  findSite(world, fields.siteId);
  const name = requireText('name', fields.name);
  if (world.operators.some((operator) => operator.name === name)) {
    throw existingRecord('operator', `an operator with the name ${name} exists already`);
  }
  const { key, keyId } = freshKey(world, 'operator', fields.siteId, naming, context);
  const operator: OperatorRecord = {
    ...saltApiKey(key, context.randomBytes),
    name,
    contact: `${name}_${keyId}`,
    protocol: fields.protocol,
    created: nowSeconds(context),
    disabled: false,
    siteId: fields.siteId,
    roles: checkedRoles(fields.roles),
    operatorType: fields.operatorType,
    keyId,
  };
  const next = withCloudKeys({ ...world, operators: [...world.operators, operator] }, context);
  return change(next, { operator, key }, { notes: notesOn(world, operator) });
}

export type OperatorPatch = Partial<Pick<OperatorFields, 'siteId' | 'operatorType' | 'roles'>>;

/**
 * Moves an operator to another site or type, or gives it other roles.
 * @throws RequestError ADMIN_RECORD_UNKNOWN, ADMIN_VALUE_INVALID
 */
export function updateOperator(
  world: World,
  name: string,
  patch: OperatorPatch,
  context: AdministrationContext,
): Change<OperatorRecord> {
  const operator = findOperator(world, name);
  if (patch.siteId !== undefined) findSite(world, patch.siteId);
  const updated: OperatorRecord = {
    ...operator,
    ...patch,
    roles: patch.roles === undefined ? operator.roles : checkedRoles(patch.roles),
  };
  const lost = operator.roles.filter((role) => !updated.roles.includes(role));
  const consequences = lost.map((role) => roleLost(operator, role));
  if (updated.siteId !== operator.siteId) {
    consequences.push(
      `The key of operator ${operator.name} names site ${operator.siteId ?? '?'}, and keys are looked up by the site they name: the key stops being recognised.`,
    );
  }
  return change(
    withCloudKeys({ ...world, operators: replaced(world.operators, operator, updated) }, context),
    updated,
    { consequences: operator.disabled ? [] : consequences },
  );
}

/**
 * Enables or disables an operator key.
 * @throws RequestError ADMIN_RECORD_UNKNOWN, ADMIN_RECORD_AMBIGUOUS
 */
export function setOperatorEnabled(world: World, name: string, enabled: boolean): Change<OperatorRecord> {
  const operator = findOperator(world, name);
  const updated = { ...operator, disabled: !enabled };
  return change({ ...world, operators: replaced(world.operators, operator, updated) }, updated, {
    consequences: enabled || operator.disabled ? [] : operatorLost(world, operator),
  });
}

/** The enabled operators that answer clients with this protocol. */
export function servingOperators(world: World, protocol?: string): readonly OperatorRecord[] {
  return world.operators.filter(
    (operator) =>
      !operator.disabled &&
      operator.roles.includes('OPERATOR') &&
      (protocol === undefined || operator.protocol === protocol),
  );
}

function operatorLost(world: World, operator: OperatorRecord): readonly string[] {
  if (operator.roles.includes('OPTOUT_SERVICE')) return [roleLost(operator, 'OPTOUT_SERVICE')];
  const others = servingOperators(world).filter((other) => other !== operator);
  const only = others.length === 0 ? ' It is the only one: no client gets any answer.' : '';
  return [`Every running instance of operator ${operator.name} is refused by Core and shuts down.${only}`];
}

function roleLost(operator: OperatorRecord, role: Role): string {
  switch (role) {
    case 'OPTOUT':
      return `Operator ${operator.name} cannot report opt-outs any more: /v2/token/logout ends in an error.`;
    case 'OPTOUT_SERVICE':
      return `The Opt-Out service that uses the key of ${operator.name} cannot attest any more: operators get no new opt-outs.`;
    default:
      return `Operator ${operator.name} loses the role ${role}.`;
  }
}

function checkedRoles(roles: readonly Role[]): readonly Role[] {
  const isService = roles.includes('OPTOUT_SERVICE');
  const complete = isService ? roles : [...roles, 'OPERATOR' as const];
  const foreign = complete.find((role) => !(OPERATOR_ROLES as readonly Role[]).includes(role));
  if (foreign === undefined && (!isService || new Set(complete).size === 1)) return sortRoles(complete);
  const problem = foreign === undefined ? 'OPTOUT_SERVICE stands alone' : `${foreign} is no role of an operator`;
  throw invalidValue('roles', problem, 'Give OPERATOR, OPTOUT, both, or OPTOUT_SERVICE alone.');
}

function notesOn(world: World, operator: OperatorRecord): readonly string[] {
  const notes: string[] = [];
  if (operator.protocol === 'trusted') {
    notes.push(
      'A trusted operator proves nothing: whoever holds this key gets salts and keys. Guard it like a root password.',
    );
  } else if (!world.enclaves.some(({ protocol }) => protocol === operator.protocol)) {
    notes.push(`No enclave with protocol ${operator.protocol} is registered: the operator cannot attest until one is.`);
  }
  if (!operator.roles.includes('OPTOUT') && !operator.roles.includes('OPTOUT_SERVICE')) {
    notes.push('Without the role OPTOUT the operator cannot report opt-outs: its /v2/token/logout ends in an error.');
  }
  return notes;
}
