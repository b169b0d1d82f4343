import { createHash } from 'node:crypto';

import { loadVectors } from '@holdfast/base/testing';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { firstFailure } from '../src/attestation/azure-cc.ts';
import type { AppraisedToken } from '../src/attestation/azure-cc.ts';
import { startFakeMaa } from './fake-maa.ts';
import type { FakeMaa, TokenOptions } from './fake-maa.ts';
import {
  attestBody,
  CORE_URL,
  createWorld,
  decryptToken,
  HOST_DATA,
  operatorSpki,
  postAttest,
  START,
  writeEnclaves,
} from './world.ts';
import type { World } from './world.ts';

let maa: FakeMaa;
let world: World;
beforeAll(async () => {
  maa = await startFakeMaa(START);
  world = await createWorld({ config: { maa_server_base_url: maa.url } });
});
afterAll(async () => {
  await world.close();
  await maa.close();
});
beforeEach(() => {
  maa.answer = 'keys';
  world.now = START;
});

const base64 = (text: string): string => Buffer.from(text).toString('base64');

/** The claims of a token about a confidential container group, as the shared attestation instance writes them. */
function claimsWith(changes: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  const seconds = START / 1000;
  return {
    exp: seconds + 8 * 3600,
    iat: seconds,
    iss: maa.url,
    jti: createHash('sha256').update(JSON.stringify(changes)).digest('hex'),
    nbf: seconds,
    'x-ms-attestation-type': 'sevsnpvm',
    'x-ms-compliance-status': 'azure-compliant-uvm',
    'x-ms-policy-hash': '9NY0VnTQ-IiBriBplVUpFbczcDaEBUwsiFYAzHu_gco',
    'x-ms-runtime': runtimeWith(),
    'x-ms-sevsnpvm-bootloader-svn': 3,
    'x-ms-sevsnpvm-guestsvn': 2,
    'x-ms-sevsnpvm-hostdata': HOST_DATA,
    'x-ms-sevsnpvm-is-debuggable': false,
    'x-ms-sevsnpvm-launchmeasurement': '03'.repeat(48),
    'x-ms-sevsnpvm-microcode-svn': 115,
    'x-ms-sevsnpvm-reportdata': '00'.repeat(64),
    'x-ms-sevsnpvm-snpfw-svn': 8,
    'x-ms-sevsnpvm-tee-svn': 0,
    'x-ms-sevsnpvm-uvm-endorsement': { 'x-ms-sevsnpvm-guestsvn': '100' },
    'x-ms-sevsnpvm-vmpl': 0,
    'x-ms-ver': '1.0',
    ...changes,
  };
}

function runtimeWith(changes: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return {
    location: 'East US',
    publicKey: operatorSpki,
    attestationUrl: base64(`${CORE_URL}/attest`),
    ...changes,
  };
}

async function attestToken(token: string, target: World = world) {
  const body = attestBody({ attestation_request: base64(token), operator_type: 'private' });
  const { status, json } = await postAttest(target, target.keys['azure'], body);
  return { status, json };
}

const attest = (changes: Readonly<Record<string, unknown>> = {}, options: TokenOptions = {}) =>
  attestToken(maa.token(claimsWith(changes), options));

const BAD_FORMAT = 'The payload is ill-formatted';
const BAD_PAYLOAD = 'Cannot verify payload with the signature';
const refusal = (status: string, message: string) => ({ status: 403, json: { status, message } });
const CRASH = { status: 500, json: { status: 'attestation failure' } };

describe('a token about an allowed enclave', () => {
  it('is accepted, and the answer is for the attested key', async () => {
    const { status, json } = await attest();
    expect([status, json.status]).toEqual([200, 'success']);
    expect(decryptToken(json.body.attestation_token)).toMatch(/-g$/);
    const claims = JSON.parse(
      Buffer.from(json.body.attestation_jwt_core.split('.')[1], 'base64url').toString(),
    ) as unknown;
    expect(claims).toMatchObject({ enclaveId: HOST_DATA, enclaveType: 'azure-cc', siteId: '22' });
    expect(world.log()).toContain(`"enclaveId":"${HOST_DATA}"`);
  });

  it('may spell type, status and region in any case and leave the attestation URL out', async () => {
    const loose = {
      'x-ms-attestation-type': 'SevSnpVm',
      'x-ms-compliance-status': 'Azure-Compliant-UVM',
      'x-ms-runtime': runtimeWith({ attestationUrl: undefined, location: 'WEST us' }),
    };
    expect((await attest(loose)).status).toBe(200);
    expect((await attest({ 'x-ms-runtime': runtimeWith({ attestationUrl: 7 }) })).status).toBe(200);
  });
});

describe('the signature step', () => {
  const badToken = (reason: string) => refusal(`Fail to validate the token signature, error: ${reason}`, BAD_PAYLOAD);

  it('refuses another issuer, an expired token, another algorithm and another signature, in this order', async () => {
    const expired = { exp: START / 1000 };
    const foreign = { iss: `${maa.url}/` };
    const hmac = { header: { alg: 'HS256' } };
    expect(await attest({ ...foreign, ...expired }, hmac)).toEqual(badToken('Expected issuer does not match'));
    expect(await attest(expired, hmac)).toEqual(badToken('Token is expired'));
    expect(await attest({}, { ...hmac, foreignKey: true })).toEqual(
      badToken('Unexpected signing algorithm: expected either RS256 or ES256'),
    );
    expect(await attest({}, { foreignKey: true })).toEqual(badToken('Invalid signature'));
    expect(await attest({}, { header: { alg: 'none' } })).toEqual(
      badToken('Unexpected signing algorithm: expected either RS256 or ES256'),
    );
  });

  it('uses no key that the header brings along or points at', async () => {
    const header = { jku: 'https://attacker.example/certs', x5c: ['AAAA'], jwk: { kty: 'RSA' } };
    expect(await attest({}, { header, foreignKey: true })).toEqual(badToken('Invalid signature'));
  });

  it('accepts a token until the second it expires', async () => {
    const token = maa.token(claimsWith({ exp: START / 1000 + 10 }));
    world.now = START + 9_999;
    expect((await attestToken(token)).status).toBe(200);
    world.now = START + 10_000;
    expect(await attestToken(token)).toEqual(badToken('Token is expired'));
  });

  it('does not ask for claims that the reference does not look at', async () => {
    const ahead = START / 1000 + 3600;
    const loose = { nbf: ahead, iat: undefined, exp: undefined, jti: undefined, 'x-ms-ver': undefined };
    expect((await attest(loose)).status).toBe(200);
  });

  it('names JSON that cannot be read, and calls anything that is no token a failure of its own', async () => {
    const [header = '', claims = '', signature = ''] = maa.token(claimsWith()).split('.');
    const unreadable = await attestToken(`${header}.${base64('{').replace('=', '')}.${signature}`);
    expect([unreadable.status, unreadable.json.message]).toEqual([403, BAD_PAYLOAD]);
    expect(unreadable.json.status).toMatch(/^Fail to parse token, error: /);
    const noAlgorithm = Buffer.from('{"kid":"key-0"}').toString('base64url');
    for (const text of ['\0', 'a', `${header}.${claims}`, `${header}.${claims}.x.y`, `${noAlgorithm}.${claims}.x`]) {
      expect([text, await attestToken(text)]).toEqual([text, CRASH]);
    }
  });

  it('never accepts a token with one changed bit', async () => {
    const token = Buffer.from(maa.token(claimsWith()));
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: token.length * 8 - 1 }), async (bit) => {
        const changed = Buffer.from(token);
        // oxlint-disable-next-line no-bitwise -- flips one bit
        changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        expect((await attestToken(changed.toString('latin1'))).status).not.toBe(200);
      }),
      { numRuns: 60 },
    );
  });

  it('never accepts a token that is cut short', async () => {
    const token = maa.token(claimsWith());
    for (let length = 0; length < token.length; length += 37) {
      expect((await attestToken(token.slice(0, length))).status).not.toBe(200);
    }
  });

  it('refuses a token about a simulated enclave unless the configuration trusts it', async () => {
    const simulated = { 'x-ms-test-root': true };
    const { status, json } = await attest(simulated);
    expect([status, json.status]).toEqual([
      403,
      'Fail to validate the token signature, error: The evidence is signed under a test root, which is not trusted here',
    ]);
    const trusting = await createWorld({ config: { maa_server_base_url: maa.url, trust_simulated_root: true } });
    expect((await attestToken(maa.token(claimsWith(simulated)), trusting)).status).toBe(200);
    await trusting.close();
  });
});

describe('the keys of the attestation service', () => {
  const fresh = (config = {}) => createWorld({ config: { maa_server_base_url: maa.url, ...config } });

  it('are fetched once an hour', async () => {
    const other = await fresh();
    const before = maa.fetches();
    const token = maa.token(claimsWith());
    await Promise.all([attestToken(token, other), attestToken(token, other)]);
    other.now += 59 * 60 * 1000;
    expect((await attestToken(token, other)).status).toBe(200);
    expect(maa.fetches() - before).toBe(1);
    other.now += 60 * 1000;
    expect((await attestToken(token, other)).status).toBe(200);
    expect(maa.fetches() - before).toBe(2);
    await other.close();
  });

  it('are fetched again for an unknown key id, but at most every 30 seconds', async () => {
    const rotating = await startFakeMaa(START);
    const other = await createWorld({ config: { maa_server_base_url: rotating.url } });
    const tokenWith = (options: TokenOptions = {}) => rotating.token(claimsWith({ iss: rotating.url }), options);
    expect((await attestToken(tokenWith(), other)).status).toBe(200);
    rotating.rotate();
    const before = rotating.fetches();
    const rotated = tokenWith();
    expect(await attestToken(rotated, other)).toEqual(CRASH);
    expect(rotating.fetches() - before).toBe(0);
    other.now += 30_000;
    expect((await attestToken(rotated, other)).status).toBe(200);
    const invented = tokenWith({ header: { kid: 'invented' } });
    for (let attempt = 0; attempt < 5; attempt += 1) expect(await attestToken(invented, other)).toEqual(CRASH);
    expect(rotating.fetches() - before).toBe(1);
    await other.close();
    await rotating.close();
  });

  it('that cannot be had make a failure that operators survive, within the deadline', async () => {
    for (const answer of ['error', 'garbage', 'empty', 'silence'] as const) {
      const other = await fresh(answer === 'silence' ? { maa_timeout_ms: 2000 } : {});
      maa.answer = answer;
      expect([answer, await attestToken(maa.token(claimsWith()), other)]).toEqual([answer, CRASH]);
      maa.answer = 'keys';
      other.now += 30_000;
      expect((await attestToken(maa.token(claimsWith()), other)).status).toBe(200);
      await other.close();
    }
  });
});

describe('the policy step', () => {
  it('refuses each claim that is not as demanded, with the text of the reference', async () => {
    const other = { 'x-ms-attestation-type': 'tpm' };
    expect(await attest(other)).toEqual(refusal('Not in SevSnp VM', BAD_FORMAT));
    expect(await attest({ 'x-ms-attestation-type': 5 })).toEqual(refusal('Not in SevSnp VM', BAD_FORMAT));
    expect(await attest({ 'x-ms-compliance-status': 'azure-noncompliant' })).toEqual(
      refusal('Not run in Azure Compliance Utility VM', BAD_FORMAT),
    );
    expect(await attest({ 'x-ms-sevsnpvm-is-debuggable': true })).toEqual(
      refusal('The underlying hardware should not run in debug mode', BAD_FORMAT),
    );
    for (const location of [undefined, '', 5]) {
      expect(await attest({ 'x-ms-runtime': runtimeWith({ location }) })).toEqual(
        refusal('Location is not specified.', BAD_PAYLOAD),
      );
    }
    for (const location of ['China North', 'West EUROPE', 'northeurope']) {
      expect(await attest({ 'x-ms-runtime': runtimeWith({ location }) })).toEqual(
        refusal(`Location is not supported. Value: ${location}`, BAD_PAYLOAD),
      );
    }
    expect(await attest({ 'x-ms-runtime': runtimeWith({ publicKey: 'another' }) })).toEqual(
      refusal(
        `Public key in payload does not match expected value. More info: runtime(another), expected(${operatorSpki})`,
        BAD_FORMAT,
      ),
    );
    const url = 'https://elsewhere.example.com/attest';
    expect(await attest({ 'x-ms-runtime': runtimeWith({ attestationUrl: base64(url) }) })).toEqual(
      refusal(`The given attestation URL is unknown. Given URL: ${url}`, 'The given attestation URL is unknown'),
    );
  });

  it('refuses a request without a key before it compares keys', async () => {
    const body = attestBody({ attestation_request: base64(maa.token(claimsWith())), public_key: '' });
    const { status, json } = await postAttest(world, world.keys['azure'], body);
    expect({ status, json }).toEqual(refusal('public key to check is null or empty', BAD_FORMAT));
  });

  it('answers 500 when debuggable or runtime are missing or the URL cannot be read', async () => {
    expect(await attest({ 'x-ms-sevsnpvm-is-debuggable': undefined })).toEqual(CRASH);
    expect(await attest({ 'x-ms-sevsnpvm-is-debuggable': 'false' })).toEqual(CRASH);
    expect(await attest({ 'x-ms-runtime': undefined })).toEqual(CRASH);
    expect(await attest({ 'x-ms-runtime': runtimeWith({ attestationUrl: '*' }) })).toEqual(CRASH);
  });

  it('refuses host data that is not on the list, byte for byte, and follows the list', async () => {
    const unknown = refusal('The enclave identifier is unknown', 'The enclave identifier is unknown');
    const added = 'cd'.repeat(32);
    for (const hostData of [added, HOST_DATA.toUpperCase(), '', undefined]) {
      expect(await attest({ 'x-ms-sevsnpvm-hostdata': hostData })).toEqual(unknown);
    }
    const other = await createWorld({ config: { maa_server_base_url: maa.url } });
    const newer = maa.token(claimsWith({ 'x-ms-sevsnpvm-hostdata': added }));
    expect(await attestToken(newer, other)).toEqual(unknown);
    await writeEnclaves(other.objects, [added], 2);
    await other.context.refreshSeeds();
    expect((await attestToken(newer, other)).status).toBe(200);
    expect(await attestToken(maa.token(claimsWith()), other)).toEqual(unknown);
    await other.close();
  });

  it('logs the measurement it refused and the check, but not the token', async () => {
    const unknown = 'ef'.repeat(32);
    const token = maa.token(claimsWith({ 'x-ms-sevsnpvm-hostdata': unknown }));
    await attestToken(token);
    const line = world.log().trimEnd().split('\n').at(-1) ?? '';
    expect(JSON.parse(line)).toMatchObject({
      level: 'warn',
      operator: 'azure',
      protocol: 'azure-cc',
      enclaveId: unknown,
      failure: 'FORBIDDEN_ENCLAVE',
      reason: 'allow-list',
    });
    expect(world.log()).not.toContain(token.slice(-40));
    expect(await world.metrics.getSingleMetricAsString('core_attest_total')).toContain(
      'protocol="azure-cc",outcome="refused"',
    );
  });

  it('holds utility VM and firmware to a configured minimum', async () => {
    const strict = await createWorld({
      config: {
        maa_server_base_url: maa.url,
        minimum_endorsement_svn: 101,
        minimum_tcb: { microcode: 115, snp_firmware: 8 },
      },
    });
    const old = await attestToken(maa.token(claimsWith()), strict);
    expect(old.json).toEqual({
      status: 'The utility VM is older than allowed. Security version: 100, lowest allowed: 101',
      message: BAD_FORMAT,
    });
    const newer = { 'x-ms-sevsnpvm-uvm-endorsement': { 'x-ms-sevsnpvm-guestsvn': '101' } };
    expect((await attestToken(maa.token(claimsWith(newer)), strict)).status).toBe(200);
    const oldFirmware = { ...newer, 'x-ms-sevsnpvm-microcode-svn': 114 };
    expect((await attestToken(maa.token(claimsWith(oldFirmware)), strict)).json.status).toBe(
      'The platform firmware is older than allowed. microcode: 114, lowest allowed: 115',
    );
    const noEndorsement = { 'x-ms-sevsnpvm-uvm-endorsement': undefined };
    expect((await attestToken(maa.token(claimsWith(noEndorsement)), strict)).status).toBe(403);
    await strict.close();
  });
});

interface Vector {
  readonly id: string;
  // oxlint-disable-next-line typescript/no-explicit-any -- the shape differs by vector
  readonly [member: string]: any;
}
const vectors = (loadVectors('uid2-core.json') as { vectors: Vector[] } | undefined)?.vectors;
const vector = (id: string) => vectors?.find((entry) => entry.id === id);

describe.skipIf(vectors === undefined)('known answers', () => {
  it('maa-policy: each change of the base payload is decided as in the reference', () => {
    const { base, cases } = vector('maa-policy') as Vector;
    for (const { change, failure, message } of cases as { change: string; failure?: string; message?: string }[]) {
      const claims = { ...base, runtime: { ...base.runtime } };
      let corePublicUrl = 'https://example.com';
      const [member = '', value] = (change ?? '').split('=', 2);
      if (member === 'Core URL') corePublicUrl = value ?? '';
      else if (member.startsWith('runtime.')) claims.runtime[member.slice('runtime.'.length)] = value;
      else if (member !== '') claims[member] = member === 'debuggable' ? value === 'true' : value;
      // The vector's key is the text of a claim; as bytes it is whatever encodes to that text.
      const subject = {
        claims: {
          attestationType: claims.attestation_type,
          complianceStatus: claims.compliance_status,
          debuggable: claims.debuggable,
          hostData: claims.hostdata,
          endorsementSvn: undefined,
          platform: { bootloader: undefined, tee: undefined, snpFirmware: undefined, microcode: undefined },
          runtime: {
            ...claims.runtime,
            publicKey: claims.runtime.publicKey === 'public_key' ? base64('public_key') : claims.runtime.publicKey,
          },
        },
        publicKey: Buffer.from('public_key'),
        policy: { corePublicUrl },
      } satisfies AppraisedToken;
      const failed = firstFailure(subject);
      const wanted = message?.replace('expected(public_key)', `expected(${base64('public_key')})`);
      expect([change, failed?.failure, failed?.detail]).toEqual([change, failure, wanted]);
    }
  });

  it('maa-payload: the sample claims of the reference are read as it reads them', async () => {
    const { payload, clock_ms, expected } = vector('maa-payload') as Vector;
    const other = await createWorld({ config: { maa_server_base_url: maa.url } });
    await writeEnclaves(other.objects, [expected.enclave_id], 2);
    await other.context.refreshSeeds();
    other.now = clock_ms;
    const asGiven = await attestToken(maa.token({ ...payload, iss: maa.url }), other);
    expect(asGiven.json.status).toBe(
      `Public key in payload does not match expected value. More info: runtime(${expected.public_key}), expected(${operatorSpki})`,
    );
    const bound = { ...payload, iss: maa.url, 'x-ms-runtime': { ...payload['x-ms-runtime'], publicKey: operatorSpki } };
    expect((await attestToken(maa.token(bound), other)).status).toBe(200);
    await other.close();
  });
});
