import { randomBytes } from 'node:crypto';

import { MalformedError } from '@holdfast/base';
import { describe, expect, it } from 'vitest';

import { generateClientSideKeys } from '../../src/client-side/client-side-key.ts';
import { parseClientSideKeypairs, writeClientSideKeypairs } from '../../src/seed-files/client-side-keypairs.ts';
import { thrownBy } from '../operator-vectors.ts';

const keys = generateClientSideKeys('uid2', 'L', randomBytes);
const record = {
  subscription_id: '4WvryDGbR5',
  public_key: keys.publicKey,
  private_key: keys.privateKey,
  site_id: 123,
  contact: 'someone@example.com',
  created: 1_700_000_000,
  disabled: true,
  name: 'web',
};

describe('client-side key pairs', () => {
  it('are written as they are read', () => {
    const pairs = parseClientSideKeypairs(JSON.stringify([record]));
    expect(pairs).toMatchObject([{ subscriptionId: '4WvryDGbR5', siteId: 123, disabled: true, name: 'web' }]);
    expect(JSON.parse(writeClientSideKeypairs(pairs))).toEqual([record]);
  });

  it('need not have contact, name, time and state', () => {
    const { subscription_id, public_key, private_key, site_id } = record;
    expect(
      parseClientSideKeypairs(JSON.stringify([{ subscription_id, public_key, private_key, site_id }])),
    ).toMatchObject([{ contact: '', created: 0, disabled: false, name: '' }]);
  });

  it.for([
    ['public_key', 'UID2-X-L-AAAA'],
    ['public_key', keys.privateKey],
    ['private_key', ''],
    ['private_key', keys.publicKey],
    ['subscription_id', 5],
    ['site_id', null],
  ] as const)('a bad %s fails the whole file, without repeating it', ([field, value]) => {
    const error = thrownBy(() => parseClientSideKeypairs(JSON.stringify([record, { ...record, [field]: value }])));
    expect(error).toBeInstanceOf(MalformedError);
    expect(error).toMatchObject({ code: 'SEED_FILE_MALFORMED', details: { index: 1, field } });
    expect((error as Error).message).not.toContain('-L-');
  });
});
