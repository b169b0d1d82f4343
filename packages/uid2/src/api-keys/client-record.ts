import { createSecretKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

import { toBase64 } from '@holdfast/base';

import type { JsonObject } from '../envelope/lenient-json.ts';
import type { RecordReader } from '../seed-files/record-reader.ts';
import type { Authorizable } from './authorizable-store.ts';
import { roleOf, sortRoles } from './roles.ts';
import type { Role } from './roles.ts';

/** A client of the operator: the holder of one API key. */
export interface ClientRecord extends Authorizable {
  /** The AES-256 key of this client's envelopes. */
  readonly secret: KeyObject;
  readonly name: string;
  /** Names the client in logs and metrics. */
  readonly contact: string;
  /** Seconds since the epoch. */
  readonly created: number;
  readonly roles: readonly Role[];
  readonly siteId: number | undefined;
  readonly disabled: boolean;
  /** 0 when the client is not a service. */
  readonly serviceId: number;
  /** The public first characters of the key. */
  readonly keyId: string;
}

const SECRET_LENGTH = 32;

/** Reads one record of a clients file. `secret` and `roles` must be there; a plain `key` is ignored. */
export function parseClientRecord(record: RecordReader): ClientRecord {
  return {
    keyHash: record.text('key_hash'),
    keySalt: record.base64('key_salt'),
    secret: createSecretKey(record.base64('secret', SECRET_LENGTH)),
    name: record.textOr('name', ''),
    contact: record.textOr('contact', ''),
    created: record.integerOr('created', 0),
    roles: sortRoles(record.texts('roles').map(roleOf)),
    siteId: record.optionalInteger('site_id'),
    disabled: record.booleanOr('disabled', false),
    serviceId: record.integerOr('service_id', 0),
    keyId: record.textOr('key_id', ''),
  };
}

/** The members of a clients file for one client, its secret included. */
export function clientRecordJson(client: ClientRecord): JsonObject {
  return {
    key_hash: client.keyHash,
    key_salt: toBase64(client.keySalt),
    secret: toBase64(client.secret.export()),
    name: client.name,
    contact: client.contact,
    created: client.created,
    roles: client.roles,
    ...(client.siteId === undefined ? {} : { site_id: client.siteId }),
    disabled: client.disabled,
    service_id: client.serviceId,
    key_id: client.keyId,
  };
}
