import { generateKeyPairSync, randomBytes } from 'node:crypto';

import { createAttestationToken, mintOperatorJwt, operatorJwtClaims } from '@holdfast/uid2';
import type { OperatorJwtClaims, OperatorRecord } from '@holdfast/uid2';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { CORE_URL, createWorld, get, jwtPrivateKey, START } from './world.ts';
import type { World } from './world.ts';

const PATH = '/clients/refresh';
const REFUSED = {
  status: 'unauthorized',
  reason: 'insufficient_role',
  message: 'Operator key is recognized but is not authorized for this operation.',
};

let open: World;
let strict: World;
beforeAll(async () => {
  open = await createWorld();
  strict = await createWorld({ config: { enforceJwt: true } });
});
afterAll(async () => {
  await open.close();
  await strict.close();
});

function tokenOf(world: World, holder: string, expiresAt = START / 1000 + 60): string {
  const key = world.keys[holder] ?? '';
  return createAttestationToken(key, expiresAt, world.context.attestationTokenKey, (length) => randomBytes(length));
}

function jwtOf(
  world: World,
  holder: string,
  changes: Partial<OperatorJwtClaims> = {},
  signingKey = jwtPrivateKey,
): string {
  const operator = world.context.operators.find(world.keys[holder]) as OperatorRecord & { siteId: number };
  const claims = operatorJwtClaims(operator, {
    audience: CORE_URL,
    issuer: CORE_URL,
    issuedAt: START / 1000,
    expiresAt: START / 1000 + 60,
    enclaveId: 'enclave',
    operatorVersion: 'version',
    jwtId: 'id',
  });
  return mintOperatorJwt({ ...claims, ...changes }, signingKey);
}

describe('the attestation token', () => {
  it('opens data routes to the operator it was made for, until it expires', async () => {
    const headers = { 'attestation-token': tokenOf(open, 'azure', START / 1000 + 60) };
    expect((await get(open, PATH, open.keys['azure'], headers)).status).toBe(200);
    open.now = START + 59_999;
    expect((await get(open, PATH, open.keys['azure'], headers)).status).toBe(200);
    open.now = START + 60_000;
    const late = await get(open, PATH, open.keys['azure'], headers);
    expect([late.status, late.json]).toEqual([401, REFUSED]);
    open.now = START;
  });

  it('is refused when missing, damaged, or made for another operator key', async () => {
    const good = tokenOf(open, 'azure');
    for (const token of ['', 'x', good.slice(1), `${good}-g`, good.replace(/-g$/, '-h'), tokenOf(open, 'neighbour')]) {
      const { status, json } = await get(open, PATH, open.keys['azure'], { 'attestation-token': token });
      expect([token, status, json]).toEqual([token, 401, REFUSED]);
    }
    const other = tokenOf(strict, 'azure');
    expect((await get(open, PATH, open.keys['azure'], { 'attestation-token': other })).status).toBe(401);
  });

  it('is not asked of trusted operators', async () => {
    expect((await get(open, PATH, open.keys['public'])).status).toBe(200);
    expect((await get(open, PATH, open.keys['public'], { 'attestation-token': 'nonsense' })).status).toBe(200);
  });
});

describe('the Core JWT', () => {
  const broken = (world: World): [string, string][] => [
    ['another subject', jwtOf(world, 'neighbour')],
    ['another audience', jwtOf(world, 'azure', { audience: 'https://optout.example.com' })],
    ['another issuer', jwtOf(world, 'azure', { issuer: 'https://elsewhere.example.com' })],
    ['expired', jwtOf(world, 'azure', { expiresAt: START / 1000 })],
    ['another key', jwtOf(world, 'azure', {}, generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey)],
    ['not a JWT', 'nonsense'],
  ];

  it('is needed and checked where it is enforced, beside the attestation token', async () => {
    const token = { 'attestation-token': tokenOf(strict, 'azure') };
    const key = strict.keys['azure'];
    const good = { ...token, 'attestation-jwt': jwtOf(strict, 'azure') };
    expect((await get(strict, PATH, key, good)).status).toBe(200);
    expect((await get(strict, PATH, key, { 'attestation-jwt': jwtOf(strict, 'azure') })).status).toBe(401);
    expect((await get(strict, PATH, key, token)).json).toEqual(REFUSED);
    expect((await get(strict, PATH, key, { ...token, 'attestation-jwt': ' ' })).status).toBe(401);
    for (const [what, jwt] of broken(strict)) {
      const { status, json } = await get(strict, PATH, key, { ...token, 'attestation-jwt': jwt });
      expect([what, status, json]).toEqual([what, 401, REFUSED]);
    }
  });

  it('is needed of trusted operators too where it is enforced', async () => {
    const key = strict.keys['public'];
    expect((await get(strict, PATH, key)).status).toBe(401);
    expect((await get(strict, PATH, key, { 'attestation-jwt': jwtOf(strict, 'public') })).status).toBe(200);
  });

  it('is only looked at, not insisted on, elsewhere', async () => {
    const token = { 'attestation-token': tokenOf(open, 'azure') };
    for (const [what, jwt] of broken(open)) {
      const { status } = await get(open, PATH, open.keys['azure'], { ...token, 'attestation-jwt': jwt });
      expect([what, status]).toEqual([what, 200]);
    }
    expect(open.log()).toContain('operator JWT not valid, not enforced');
  });
});

describe('roles and operator types', () => {
  it('keep operators from the lists of the opt-out service and the other way round', async () => {
    for (const path of ['/operators/refresh', '/partners/refresh']) {
      expect((await get(open, path, open.keys['public'])).json).toEqual(REFUSED);
      expect((await get(open, path, open.keys['optout'])).status).toBe(200);
    }
    for (const path of [PATH, '/salt/refresh', '/operator/config', '/cloud_encryption_keys/retrieve']) {
      expect((await get(open, path, open.keys['optout'])).json).toEqual(REFUSED);
    }
  });

  it('keep private operators from what is for public ones', async () => {
    for (const path of [
      '/sites/refresh',
      '/client_side_keypairs/refresh',
      '/services/refresh',
      '/service_links/refresh',
    ]) {
      const { status, json } = await get(open, path, open.keys['private']);
      expect([status, json]).toEqual([
        403,
        { status: 'error', message: `endpoint ${path} is for public operators only` },
      ]);
      expect((await get(open, path, open.keys['public'])).status).toBe(200);
    }
  });

  it('open nothing to unknown and disabled keys', async () => {
    for (const path of [PATH, '/operator/config', '/cloud_encryption_keys/retrieve', '/operators/refresh']) {
      expect((await get(open, path, undefined)).json.reason).toBe('unrecognized_key');
      expect((await get(open, path, open.keys['disabled'])).json.reason).toBe('key_disabled');
    }
  });
});

it('every refusal is logged with what the answer does not say, and without keys or tokens', async () => {
  const log = open.log();
  for (const reason of ['"reason":"role"', '"reason":"attestation_token"', '"reason":"key_disabled"']) {
    expect(log).toContain(reason);
  }
  expect(strict.log()).toContain('"reason":"jwt"');
  for (const key of Object.values(open.keys)) expect(log).not.toContain(key);
  expect(log).not.toContain(tokenOf(open, 'azure').slice(0, 10));
  expect(await open.metrics.getSingleMetricAsString('core_access_refused_total')).toContain('reason="role"');
});
