import { toBase64 } from '@holdfast/base';
import { damagedJson, refusedOnlyWith } from '@holdfast/base/testing/fuzz';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { generateClientSideKeys } from '../../src/client-side/client-side-key.ts';
import { parseClientSideKeypairs, writeClientSideKeypairs } from '../../src/seed-files/client-side-keypairs.ts';
import { parseClients, writeClients } from '../../src/seed-files/clients.ts';
import {
  parseCloudEncryptionKeys,
  parseCloudEncryptionKeysResponse,
  writeCloudEncryptionKeys,
} from '../../src/seed-files/cloud-encryption-keys.ts';
import { parseEnclaves, writeEnclaves } from '../../src/seed-files/enclaves.ts';
import { parseOperators, writeOperators } from '../../src/seed-files/operators.ts';
import {
  parseRuntimeConfigurationFile,
  writeRuntimeConfigurationFile,
} from '../../src/seed-files/runtime-configuration.ts';
import { parseServiceLinks, writeServiceLinks } from '../../src/seed-files/service-links.ts';
import { parseServices, writeServices } from '../../src/seed-files/services.ts';
import { parseSites, writeSites } from '../../src/seed-files/sites.ts';
import { parseStoreMetadata, writeStoreMetadata } from '../../src/seed-files/store-metadata.ts';

const HASH = toBase64(new Uint8Array(64).fill(1));
const SALT = toBase64(new Uint8Array(32).fill(2));
const SECRET = toBase64(new Uint8Array(32).fill(3));
const keys = generateClientSideKeys('uid2', 'L', (length) => new Uint8Array(length).fill(5));

const credential = { key_hash: HASH, key_salt: SALT, name: 'N', contact: 'C', created: 1, site_id: 124, key_id: 'K' };
const cloudKey = { id: 1, siteId: 5, activates: 10, created: 9, secret: SECRET };
const runtime = {
  version: 3,
  runtime_config: {
    identity_token_expires_after_seconds: 3600,
    refresh_token_expires_after_seconds: 7200,
    refresh_identity_token_after_seconds: 900,
    sharing_token_expiry_seconds: 60,
    identity_environment: 'integ',
  },
};

interface SeedFile {
  readonly name: string;
  readonly valid: unknown;
  /** Reads a text and writes what it read. */
  readonly rewrite: (text: string) => string;
}

const FILES: readonly SeedFile[] = [
  {
    name: 'clients',
    valid: [{ ...credential, secret: SECRET, roles: ['MAPPER'], disabled: false, service_id: 0 }],
    rewrite: (text) => writeClients(parseClients(text)),
  },
  {
    name: 'operators',
    valid: [
      { ...credential, protocol: 'azure-cc', roles: ['OPTOUT'], disabled: false, operator_type: 'PRIVATE' },
      { ...credential, protocol: 'trusted', operator_type: 'PUBLIC' },
    ],
    rewrite: (text) => writeOperators(parseOperators(text)),
  },
  {
    name: 'sites',
    valid: [
      {
        id: 5,
        name: 'Site',
        enabled: true,
        clientTypes: ['DSP'],
        domain_names: ['a.example'],
        app_names: [],
        visible: true,
        created: 1,
      },
    ],
    rewrite: (text) => writeSites(parseSites(text)),
  },
  {
    name: 'enclaves',
    valid: [{ name: 'E', protocol: 'azure-cc', identifier: 'ab'.repeat(32), created: 1 }],
    rewrite: (text) => writeEnclaves(parseEnclaves(text)),
  },
  {
    name: 'services',
    valid: [{ service_id: 1, site_id: 5, name: 'S', roles: ['MAPPER'], disabled: false }],
    rewrite: (text) => writeServices(parseServices(text)),
  },
  {
    name: 'service links',
    valid: [{ link_id: 'L', service_id: 1, site_id: 5, name: 'S', roles: ['MAPPER'], disabled: false }],
    rewrite: (text) => writeServiceLinks(parseServiceLinks(text)),
  },
  {
    name: 'client-side key pairs',
    valid: [
      {
        subscription_id: 'S',
        public_key: keys.publicKey,
        private_key: keys.privateKey,
        site_id: 5,
        contact: '',
        created: 1,
        disabled: false,
        name: 'N',
      },
    ],
    rewrite: (text) => writeClientSideKeypairs(parseClientSideKeypairs(text)),
  },
  {
    name: 'cloud encryption keys',
    valid: [cloudKey],
    rewrite: (text) => writeCloudEncryptionKeys(parseCloudEncryptionKeys(text)),
  },
  {
    name: 'runtime configuration',
    valid: runtime,
    rewrite: (text) => writeRuntimeConfigurationFile(parseRuntimeConfigurationFile(text)),
  },
  {
    name: 'store metadata',
    valid: { version: 7, generated: 1, sites: { location: 'sites/sites.json' } },
    rewrite: (text) => writeStoreMetadata('sites', parseStoreMetadata(text, 'sites')),
  },
];

describe.each(FILES)('the seed file $name', ({ valid, rewrite }) => {
  it('reads what it should', () => {
    const written = rewrite(JSON.stringify(valid));
    expect(rewrite(written)).toBe(written);
  });

  it('damaged anyhow, is refused as malformed or can be written and read again', () => {
    fc.assert(
      fc.property(damagedJson(valid), (text) => {
        const written = refusedOnlyWith(['SEED_FILE_MALFORMED'], () => rewrite(text));
        if (written !== undefined) expect(rewrite(written)).toBe(written);
      }),
    );
  });
});

describe('the cloud encryption keys that Core answers', () => {
  it('damaged anyhow, are refused as malformed or read', () => {
    fc.assert(
      fc.property(damagedJson({ cloud_encryption_keys: [cloudKey] }), (text) => {
        refusedOnlyWith(['SEED_FILE_MALFORMED'], () => parseCloudEncryptionKeysResponse(text));
      }),
    );
  });
});
