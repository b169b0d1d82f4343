import { createSecretKey } from 'node:crypto';

import { fromBase64, MalformedError, toBase64 } from '@holdfast/base';
import { describe, expect, it } from 'vitest';

import { parseJsonObject } from '../../src/envelope/lenient-json.ts';
import { parseKeysetKeys, parseKeysets } from '../../src/keysets/parse-keysets.ts';
import { parseClients, writeClients } from '../../src/seed-files/clients.ts';
import {
  activeCloudEncryptionKey,
  cloudEncryptionKeyJson,
  parseCloudEncryptionKeys,
  parseCloudEncryptionKeysResponse,
  writeCloudEncryptionKeys,
} from '../../src/seed-files/cloud-encryption-keys.ts';
import { parseEnclaves, writeEnclaves } from '../../src/seed-files/enclaves.ts';
import { writeKeysetKeys, writeKeysets } from '../../src/seed-files/keysets.ts';
import { parseOperators, writeOperators } from '../../src/seed-files/operators.ts';
import {
  parseRuntimeConfiguration,
  parseRuntimeConfigurationFile,
  writeRuntimeConfigurationFile,
} from '../../src/seed-files/runtime-configuration.ts';
import { parseSites, writeSites } from '../../src/seed-files/sites.ts';
import { parseStoreMetadata, writeStoreMetadata } from '../../src/seed-files/store-metadata.ts';
import { coreVector, hasVectors } from '../uid2-vectors.ts';

const HASH = toBase64(new Uint8Array(64).fill(1));
const SALT = toBase64(new Uint8Array(32).fill(2));
const SECRET = toBase64(new Uint8Array(32).fill(3));

const client = {
  key: 'ignored',
  key_hash: HASH,
  key_salt: SALT,
  secret: SECRET,
  name: 'Publisher',
  contact: 'Publisher_1',
  created: 1,
  roles: ['id_reader', 'Generator', 'NO_SUCH_ROLE'],
  site_id: 124,
  disabled: false,
  service_id: 0,
  key_id: 'UID2-C-L-124-H8Vwq',
};

function without(object: object, name: string): object {
  return Object.fromEntries(Object.entries(object).filter(([key]) => key !== name));
}

function complaintOf(action: () => unknown): MalformedError {
  try {
    action();
  } catch (error) {
    if (error instanceof MalformedError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

describe.skipIf(!hasVectors)('seed files, known answers', () => {
  it('reads the decrypted clients and sites of the reference world', () => {
    const clients = parseClients(coreVector<{ plaintext_utf8: string }>('cloud-file-clients').plaintext_utf8);
    expect(clients).toMatchObject([
      { name: 'Publisher', siteId: 124, roles: ['GENERATOR', 'ID_READER'], serviceId: 0 },
    ]);
    const sites = parseSites(coreVector<{ plaintext_utf8: string }>('cloud-file-sites').plaintext_utf8);
    expect(sites).toMatchObject([{ id: 124, domainNames: ['example.com'], clientTypes: ['PUBLISHER'] }]);
  });

  it('reads and writes cloud encryption keys as Core sends them', () => {
    const vector = coreVector<{ serialized: string }>('cloud-encryption-key-json');
    const [key] = parseCloudEncryptionKeys(`[${vector.serialized}]`);
    if (key === undefined) throw new Error('no key');
    expect(JSON.stringify(cloudEncryptionKeyJson(key))).toBe(vector.serialized);
    const renamed = vector.serialized.replace('siteId', 'site_id');
    expect(parseCloudEncryptionKeysResponse(`{"cloud_encryption_keys":[${renamed}]}`)).toEqual([key]);
  });
});

describe('parseClients', () => {
  it('reads what writeClients writes', () => {
    const clients = parseClients(JSON.stringify([client]));
    expect(clients).toMatchObject([{ roles: ['GENERATOR', 'ID_READER', 'UNKNOWN'], siteId: 124, disabled: false }]);
    expect(clients[0]?.secret.equals(createSecretKey(fromBase64(SECRET)))).toBe(true);
    expect(parseClients(writeClients(clients))).toEqual(clients);
  });

  it.each(['key_hash', 'key_salt', 'secret', 'roles'])('names file, record and field when %s is missing', (field) => {
    const error = complaintOf(() => parseClients(JSON.stringify([client, without(client, field)])));
    expect(error.code).toBe('SEED_FILE_MALFORMED');
    expect(error.details).toEqual({ file: 'clients', index: 1, field });
  });

  it.each([
    ['secret', SECRET.slice(0, 40)],
    ['secret', 'not base64!'],
    ['key_salt', 'a-_b'],
    ['roles', 'GENERATOR'],
    ['roles', [null]],
    ['site_id', 1.5],
    ['site_id', '124'],
    ['disabled', 'no'],
    ['name', 5],
  ])('refuses %s = %j', (field, value) => {
    const error = complaintOf(() => parseClients(JSON.stringify([{ ...client, [field]: value }])));
    expect(error.details).toEqual({ file: 'clients', index: 0, field });
    expect(error.message).not.toContain(SECRET.slice(0, 10));
  });

  it.each(['', '{}', '[1]', '[null]', '[{}]', '[{'])('refuses %j', (text) => {
    expect(() => parseClients(text)).toThrow(MalformedError);
  });

  it('shows no secret of a client that is printed', () => {
    expect(JSON.stringify(parseClients(JSON.stringify([client])))).not.toContain(SECRET);
  });
});

describe('parseOperators', () => {
  const operator = {
    key_hash: HASH,
    key_salt: SALT,
    name: 'Special',
    contact: 'x',
    protocol: 'azure-cc',
    created: 1,
    disabled: true,
    site_id: 999,
    roles: ['OPTOUT'],
    operator_type: 'PUBLIC',
    key_id: 'UID2-O-L-999-dp9Dt',
  };

  it('reads what writeOperators writes', () => {
    const operators = parseOperators(JSON.stringify([operator]));
    expect(operators).toMatchObject([{ operatorType: 'PUBLIC', roles: ['OPERATOR', 'OPTOUT'], disabled: true }]);
    expect(parseOperators(writeOperators(operators))).toEqual(operators);
  });

  it('fills in the defaults of the reference', () => {
    const [old] = parseOperators(JSON.stringify([{ key_hash: HASH, key_salt: SALT }]));
    expect(old).toMatchObject({
      roles: ['OPERATOR'],
      operatorType: 'PRIVATE',
      disabled: false,
      siteId: undefined,
    });
    expect(parseOperators(writeOperators(old === undefined ? [] : [old]))).toEqual([old]);
  });

  it('leaves OPERATOR away from the opt-out service and refuses a null role', () => {
    const roles = (names: unknown): string => JSON.stringify([{ ...operator, roles: names }]);
    expect(parseOperators(roles(['optout_service']))[0]?.roles).toEqual(['OPTOUT_SERVICE']);
    expect(complaintOf(() => parseOperators(roles([null]))).details['field']).toBe('roles');
    expect(complaintOf(() => parseOperators(JSON.stringify([{ ...operator, operator_type: 'X' }]))).details).toEqual({
      file: 'operators',
      index: 0,
      field: 'operator_type',
    });
  });
});

describe('writeKeysets and writeKeysetKeys', () => {
  it('write what the readers read', () => {
    const keysets = [
      {
        id: -1,
        siteId: -1,
        name: 'Master',
        allowedSites: undefined,
        createdSeconds: 1,
        enabled: true,
        isDefault: true,
      },
      {
        id: 4,
        siteId: 3,
        name: '',
        allowedSites: new Set([7, 8]),
        createdSeconds: 1,
        enabled: false,
        isDefault: false,
      },
      {
        id: 5,
        siteId: 3,
        name: '',
        allowedSites: new Set<number>(),
        createdSeconds: 1,
        enabled: true,
        isDefault: true,
      },
    ];
    expect(parseKeysets(JSON.parse(writeKeysets(keysets)))).toEqual(keysets);
    const secret = createSecretKey(fromBase64(SECRET));
    const keys = [{ id: 9, keysetId: 4, createdSeconds: 1, activatesSeconds: 2, expiresSeconds: 3, secret }];
    const read = parseKeysetKeys(JSON.parse(writeKeysetKeys(keys)));
    expect(read).toMatchObject([{ id: 9, keysetId: 4, createdSeconds: 1, activatesSeconds: 2, expiresSeconds: 3 }]);
    expect(read[0]?.secret.equals(secret)).toBe(true);
  });
});

describe('parseSites and parseEnclaves', () => {
  it('read what is written, and defaults', () => {
    const sites = parseSites('[{"id":3}]');
    expect(sites).toEqual([
      {
        id: 3,
        name: '',
        enabled: false,
        domainNames: [],
        appNames: [],
        clientTypes: [],
        visible: true,
        created: 0,
      },
    ]);
    expect(parseSites(writeSites(sites))).toEqual(sites);
    const enclaves = [{ name: 'e', protocol: 'azure-cc', identifier: 'ab', created: 5 }];
    expect(parseEnclaves(writeEnclaves(enclaves))).toEqual(enclaves);
  });

  it.each(['protocol', 'identifier', 'created'])('refuse an enclave without %s', (field) => {
    const enclave = { name: 'e', protocol: 'azure-cc', identifier: 'ab', created: 5 };
    const error = complaintOf(() => parseEnclaves(JSON.stringify([without(enclave, field)])));
    expect(error.details).toEqual({ file: 'enclaves', index: 0, field });
  });
});

describe('cloud encryption keys', () => {
  const key = (id: number, siteId: number, activates: number, created: number): string =>
    JSON.stringify({ id, siteId, activates, created, secret: SECRET });

  it('are written as they are read', () => {
    const keys = parseCloudEncryptionKeys(`[${key(1, 2, 3, 4)}]`);
    expect(parseCloudEncryptionKeys(writeCloudEncryptionKeys(keys))).toEqual(keys);
  });

  it('encrypt with the key of the site that is active and was created last', () => {
    const keys = parseCloudEncryptionKeys(
      `[${[key(1, 9, 10, 1), key(2, 9, 20, 3), key(3, 9, 31, 4), key(4, 8, 0, 9), key(5, 9, 30, 2)].join()}]`,
    );
    expect(activeCloudEncryptionKey(keys, 9, 30)?.id).toBe(2);
    expect(activeCloudEncryptionKey(keys, 9, 31)?.id).toBe(3);
    expect(activeCloudEncryptionKey(keys, 9, 9)).toBeUndefined();
  });
});

describe('store metadata', () => {
  it('are written as they are read', () => {
    const metadata = { version: 1_700_000_000_000, generated: 1_700_000_000, location: 'clients/clients.json' };
    expect(parseStoreMetadata(writeStoreMetadata('client_keys', metadata), 'client_keys')).toEqual(metadata);
  });

  it.each([
    '[]',
    '{"version":1}',
    '{"version":1,"keys":{}}',
    '{"version":"1","keys":{"location":"x"}}',
    '{"keys":{"location":"x"}}',
  ])('are refused as %s', (text) => {
    expect(() => parseStoreMetadata(text, 'keys')).toThrow(MalformedError);
  });
});

describe('parseRuntimeConfiguration', () => {
  const good = {
    identity_token_expires_after_seconds: 3600,
    refresh_token_expires_after_seconds: 86_400,
    refresh_identity_token_after_seconds: 900,
    sharing_token_expiry_seconds: 2_592_000,
    identity_environment: 'Test',
    some_other_key: [1],
  };

  function parse(changes: object): ReturnType<typeof parseRuntimeConfiguration> {
    return parseRuntimeConfiguration(parseJsonObject(JSON.stringify({ ...good, ...changes })));
  }

  it('fills in the two optional lifetimes', () => {
    expect(parse({})).toEqual({
      identityTokenExpiresAfterSeconds: 3600,
      refreshTokenExpiresAfterSeconds: 86_400,
      refreshIdentityTokenAfterSeconds: 900,
      sharingTokenExpirySeconds: 2_592_000,
      identityEnvironment: 'test',
      maxBidstreamLifetimeSeconds: 3600,
      maxSharingLifetimeSeconds: 2_592_000,
    });
    expect(parse({ max_sharing_lifetime_seconds: 5, max_bidstream_lifetime_seconds: 3600 })).toMatchObject({
      maxSharingLifetimeSeconds: 5,
    });
  });

  it.each([
    ['identity_token_expires_after_seconds', 86_401],
    ['refresh_identity_token_after_seconds', 3601],
    ['max_bidstream_lifetime_seconds', 3599],
    ['identity_environment', 'staging'],
    ['identity_environment', undefined],
    ['sharing_token_expiry_seconds', undefined],
    ['refresh_token_expires_after_seconds', '86400'],
  ])('refuses %s = %j', (field, value) => {
    expect(complaintOf(() => parse({ [field]: value })).details['field']).toBe(field);
  });

  it('reads and writes the versioned file', () => {
    const file = { version: 2, configuration: parse({}) };
    expect(parseRuntimeConfigurationFile(writeRuntimeConfigurationFile(file))).toEqual(file);
    expect(() => parseRuntimeConfigurationFile('{"version":2}')).toThrow(MalformedError);
  });
});
