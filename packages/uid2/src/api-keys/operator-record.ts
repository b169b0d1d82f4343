import { toBase64 } from '@holdfast/base';

import type { JsonObject } from '../envelope/lenient-json.ts';
import type { RecordReader } from '../seed-files/record-reader.ts';
import type { Authorizable } from './authorizable-store.ts';
import { roleOf, sortRoles } from './roles.ts';
import type { Role } from './roles.ts';

export type OperatorType = 'PUBLIC' | 'PRIVATE';

/** The holder of one operator key, as UID2 Core and Opt-Out know it. */
export interface OperatorRecord extends Authorizable {
  readonly name: string;
  readonly contact: string;
  /** The attestation protocol this operator has to use, for example `azure-cc` or `trusted`. */
  readonly protocol: string;
  /** Seconds since the epoch. */
  readonly created: number;
  readonly disabled: boolean;
  /** Missing in old data only. */
  readonly siteId: number | undefined;
  /** In enumeration order; holds OPERATOR unless the holder is the opt-out service. */
  readonly roles: readonly Role[];
  readonly operatorType: OperatorType;
  /** The public first characters of the key. */
  readonly keyId: string;
}

/** Reads one record of an operators file with the defaults of the UID2 reference. */
export function parseOperatorRecord(record: RecordReader): OperatorRecord {
  const operatorType = record.textOr('operator_type', 'PRIVATE').toUpperCase();
  if (operatorType !== 'PUBLIC' && operatorType !== 'PRIVATE') {
    throw record.fail('operator_type', 'is neither PUBLIC nor PRIVATE');
  }
  return {
    keyHash: record.text('key_hash'),
    keySalt: record.base64('key_salt'),
    name: record.textOr('name', ''),
    contact: record.textOr('contact', ''),
    protocol: record.textOr('protocol', ''),
    created: record.integerOr('created', 0),
    disabled: record.booleanOr('disabled', false),
    siteId: record.optionalInteger('site_id'),
    roles: operatorRoles(record.textsOr('roles', []).map(roleOf)),
    operatorType,
    keyId: record.textOr('key_id', ''),
  };
}

/** The members of an operators file for one operator. */
export function operatorRecordJson(operator: OperatorRecord): JsonObject {
  return {
    key_hash: operator.keyHash,
    key_salt: toBase64(operator.keySalt),
    name: operator.name,
    contact: operator.contact,
    protocol: operator.protocol,
    created: operator.created,
    disabled: operator.disabled,
    ...(operator.siteId === undefined ? {} : { site_id: operator.siteId }),
    roles: operator.roles,
    operator_type: operator.operatorType,
    key_id: operator.keyId,
  };
}

function operatorRoles(roles: readonly Role[]): readonly Role[] {
  return sortRoles(roles.includes('OPTOUT_SERVICE') ? roles : [...roles, 'OPERATOR']);
}
