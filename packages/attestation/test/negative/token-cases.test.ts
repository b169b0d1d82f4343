import { Buffer } from 'node:buffer';
import { createHash, createHmac, generateKeyPairSync, sign } from 'node:crypto';

import { everyOrEach } from '@holdfast/base/testing/thorough';
import { beforeAll, describe, expect, it } from 'vitest';

import {
  appraiseSevSnpVm,
  attestationPolicyHash,
  createTokenSigner,
  DEFAULT_ATTESTATION_POLICY,
  formatAttestSevSnpVmRequest,
  generateSimulatedPlatformKeys,
  jwksFor,
  parseAttestationJwks,
  parseAttestSevSnpVmRequest,
  thimCertificateBundle,
  verifyAttestationToken,
} from '../../src/index.ts';
import type { AttestationExpectations, SimulatedPlatform, VerifyAttestationTokenOptions } from '../../src/index.ts';
import { codeOf, makePlatform, NOW } from '../support/chain.ts';

/** What a relying party has to refuse in tokens, and the service in requests; one test a case with its primary reason. */
const ISSUER = 'https://sharedeus.eus.attest.azure.net';
const pair = generateKeyPairSync('rsa', { modulusLength: 2048 });
const other = generateKeyPairSync('rsa', { modulusLength: 2048 });
const weak = generateKeyPairSync('rsa', { modulusLength: 1024 });
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const life = { serial: Uint8Array.of(1), notBefore: NOW, notAfter: NOW + 1e10 };
const { certificate, kid } = createTokenSigner({ issuer: ISSUER, ...pair, ...life });
const jwks = jwksFor(certificate);
const now = NOW / 1000;
const HEADER = { alg: 'RS256', jku: `${ISSUER}/certs`, kid, typ: 'JWT' };
const CLAIMS = {
  iss: ISSUER,
  iat: now,
  nbf: now,
  exp: now + 28_800,
  jti: 'id',
  nonce: '7394904505194784658',
  'x-ms-ver': '1.0',
  'x-ms-attestation-type': 'sevsnpvm',
  'x-ms-compliance-status': 'azure-compliant-uvm',
  'x-ms-policy-hash': 'hash',
  'x-ms-sevsnpvm-is-debuggable': false,
  'x-ms-sevsnpvm-microcode-svn': 115,
  'x-ms-sevsnpvm-vmpl': 0,
};

type Members = Readonly<Record<string, unknown>>;
type Signer = (input: Buffer) => Buffer;

const rs256: Signer = (input) => sign('sha256', input, pair.privateKey);

function token(header: Members = {}, claims: Members | string = {}, signer: Signer = rs256): string {
  const payload = typeof claims === 'string' ? claims : JSON.stringify({ ...CLAIMS, ...claims });
  const encode = (text: string): string => Buffer.from(text).toString('base64url');
  const input = `${encode(JSON.stringify({ ...HEADER, ...header }))}.${encode(payload)}`;
  return `${input}.${signer(Buffer.from(input)).toString('base64url')}`;
}

function reason(text: string, changes: Partial<VerifyAttestationTokenOptions> = {}): string {
  const keys = parseAttestationJwks(JSON.stringify(jwks));
  const options = { keys, issuers: [ISSUER], now: () => NOW, expect: {}, ...changes };
  return codeOf(() => verifyAttestationToken(text, options));
}

function expecting(claims: Members, expectations: AttestationExpectations): string {
  return reason(token({}, claims), { expect: expectations });
}

function underKeys(entry: Members): string {
  return reason(token(), { keys: parseAttestationJwks(JSON.stringify({ keys: [entry] })) });
}

it('accepts what the cases below start from', () => {
  expect(reason(token())).toBe('nothing');
});

describe('case 38: no algorithm, a symmetric one, another spelling, one that does not fit the key', () => {
  it('ATTESTATION_TOKEN_ALGORITHM', () => {
    expect(reason(token({ alg: 'none' }, {}, () => Buffer.alloc(0)))).toBe('ATTESTATION_TOKEN_ALGORITHM');
    const pem = pair.publicKey.export({ format: 'pem', type: 'spki' });
    const hmac: Signer = (input) => createHmac('sha256', pem).update(input).digest();
    expect(reason(token({ alg: 'HS256' }, {}, hmac))).toBe('ATTESTATION_TOKEN_ALGORITHM');
    for (const alg of ['rs256', 'RS256 ', 'ES256', 'None', undefined])
      expect(reason(token({ alg }))).toBe('ATTESTATION_TOKEN_ALGORITHM');
  });
});

describe('case 39: a key set of somebody else, keys in the header, another path on the same host', () => {
  it.each(['https://evil.example/certs', `${ISSUER}/other`, `${ISSUER}/certs/`, `${ISSUER}/certs?x`])(
    'ATTESTATION_TOKEN_JKU for %s',
    (jku) => {
      expect(reason(token({ jku }))).toBe('ATTESTATION_TOKEN_JKU');
    },
  );
  it('ATTESTATION_TOKEN_SIGNATURE when the header brings the key that signed', () => {
    const forged: Signer = (input) => sign('sha256', input, other.privateKey);
    const jwk = other.publicKey.export({ format: 'jwk' });
    expect(reason(token({ jwk }, {}, forged))).toBe('ATTESTATION_TOKEN_SIGNATURE');
    const own = createTokenSigner({ issuer: ISSUER, ...other, ...life }).certificate;
    const x5c = [Buffer.from(own.der).toString('base64')];
    expect(reason(token({ x5c }, {}, forged))).toBe('ATTESTATION_TOKEN_SIGNATURE');
  });
});

describe('case 40: an unknown key, one for encryption, a weak one, one of another type, two keys in one entry', () => {
  it('ATTESTATION_TOKEN_KID_UNKNOWN and ATTESTATION_TOKEN_KEY', () => {
    expect(reason(token({ kid: 'other' }))).toBe('ATTESTATION_TOKEN_KID_UNKNOWN');
    expect(reason(token({ kid: undefined }))).toBe('ATTESTATION_TOKEN_KID_UNKNOWN');
    expect(underKeys({ ...jwks.keys[0], use: 'enc' })).toBe('ATTESTATION_TOKEN_KEY');
    expect(underKeys({ kid, ...weak.publicKey.export({ format: 'jwk' }) })).toBe('ATTESTATION_TOKEN_KEY');
    expect(underKeys({ kid, ...ec.publicKey.export({ format: 'jwk' }) })).toBe('ATTESTATION_TOKEN_KEY');
    expect(underKeys({ ...jwks.keys[0], ...other.publicKey.export({ format: 'jwk' }) })).toBe('ATTESTATION_TOKEN_KEY');
  });
});

describe('case 41: expired by 301 seconds, valid later, no expiry, one of another type, a life of ten years', () => {
  it('ATTESTATION_TOKEN_EXPIRED', () => {
    expect(reason(token({}, { exp: now - 301 }))).toBe('ATTESTATION_TOKEN_EXPIRED');
    expect(reason(token({}, { exp: now - 299 }))).toBe('nothing');
    for (const exp of [undefined, String(now + 100), now + 100.5, now + 315_360_000, null])
      expect(reason(token({}, { exp }))).toBe('ATTESTATION_TOKEN_EXPIRED');
  });
  it('ATTESTATION_TOKEN_NOT_YET_VALID', () => {
    for (const claims of [{ nbf: now + 301 }, { iat: now + 301 }, { nbf: undefined }, { iat: 'now' }])
      expect(reason(token({}, claims))).toBe('ATTESTATION_TOKEN_NOT_YET_VALID');
  });
});

describe('case 42: an issuer that only looks allowed', () => {
  it.each([
    `${ISSUER}.evil.example`,
    ISSUER.toUpperCase(),
    ISSUER.replace('https', 'http'),
    `${ISSUER}.`,
    `${ISSUER}/`,
    5,
  ])('ATTESTATION_TOKEN_ISSUER for %s', (iss) => {
    expect(reason(token({ jku: undefined }, { iss }))).toBe('ATTESTATION_TOKEN_ISSUER');
  });
});

describe('case 43: no nonce, another, one that was rounded; a token used twice', () => {
  it('ATTESTATION_TOKEN_NONCE', () => {
    const nonce = '7394904505194784658';
    expect(expecting({}, { nonce })).toBe('nothing');
    expect(expecting({ nonce: undefined }, { nonce })).toBe('ATTESTATION_TOKEN_NONCE');
    expect(expecting({ nonce: '7394904505194784800' }, { nonce })).toBe('ATTESTATION_TOKEN_NONCE');
    expect(expecting({}, { nonce: String(Number(nonce)) })).toBe('ATTESTATION_TOKEN_NONCE');
  });
  it('ATTESTATION_TOKEN_REPLAYED', () => {
    const seen = new Set<string>();
    const rememberTokenId = (issuer: string, id: string): boolean =>
      !seen.has(issuer + id) && seen.add(issuer + id).size > 0;
    expect(reason(token(), { rememberTokenId })).toBe('nothing');
    expect(reason(token(), { rememberTokenId })).toBe('ATTESTATION_TOKEN_REPLAYED');
  });
});

describe('case 44: doubled claims, claims as text, claims that only stand in a nested object', () => {
  it('ATTESTATION_TOKEN_MALFORMED for doubled claims', () => {
    expect(reason(token({}, `{"exp":1,${JSON.stringify(CLAIMS).slice(1)}`))).toBe('ATTESTATION_TOKEN_MALFORMED');
  });
  it('ATTESTATION_TOKEN_CLAIM for texts', () => {
    expect(expecting({ 'x-ms-sevsnpvm-is-debuggable': 'false' }, {})).toBe('ATTESTATION_TOKEN_CLAIM');
    const minimumSvn = { microcode: 100 };
    expect(expecting({ 'x-ms-sevsnpvm-microcode-svn': '115' }, { minimumSvn })).toBe('ATTESTATION_TOKEN_CLAIM');
  });
  it('ATTESTATION_TOKEN_CLAIM for a copy under x-ms-isolation-tee', () => {
    const nested = { 'x-ms-isolation-tee': { 'x-ms-compliance-status': 'azure-compliant-uvm' } };
    const claims = { ...nested, 'x-ms-compliance-status': undefined };
    expect(expecting(claims, { complianceStatus: 'azure-compliant-uvm' })).toBe('ATTESTATION_TOKEN_CLAIM');
  });
});

describe('case 45: requests whose data the report does not bind, and endorsements that do not hold', () => {
  const runtime = Buffer.from('{"a":1}');
  const policy = Buffer.from('package policy');
  let platform: SimulatedPlatform;

  beforeAll(async () => {
    platform = makePlatform(await generateSimulatedPlatformKeys({ rsaModulusLength: 2048 }));
  });

  type Request = Parameters<typeof formatAttestSevSnpVmRequest>[0];

  function ofRequest(changes: Partial<Request>, bound: Uint8Array = runtime): string {
    const sha256 = (data: Uint8Array): Buffer => createHash('sha256').update(data).digest();
    const reportData = Buffer.concat([sha256(bound), Buffer.alloc(32)]);
    const body = formatAttestSevSnpVmRequest({
      snpReport: platform.attester.report({ reportData, hostData: sha256(policy) }),
      vcekCertChain: thimCertificateBundle(platform.thimCertificates()),
      runtimeData: { data: runtime, dataType: 'JSON' },
      ...changes,
    });
    return codeOf(() =>
      appraiseSevSnpVm(parseAttestSevSnpVmRequest(body), {
        roots: [platform.trustedRoot],
        now: () => NOW,
        random: (length) => new Uint8Array(length),
        issuer: ISSUER,
        complianceTable: [platform.uvmTrust, platform.kata.uvmTrust],
      }),
    );
  }

  it('refused, each for its reason', () => {
    expect(ofRequest({})).toBe('nothing');
    expect(ofRequest({ runtimeData: { data: Buffer.from('{"a":2}'), dataType: 'JSON' } })).toBe(
      'MAA_RUNTIME_DATA_MISMATCH',
    );
    const list = Buffer.from('[]');
    expect(ofRequest({ runtimeData: { data: list, dataType: 'JSON' } }, list)).toBe('MAA_REQUEST_INVALID');
    const initTimeData = { data: Buffer.from('package other'), dataType: 'Binary' } as const;
    expect(ofRequest({ initTimeData })).toBe('MAA_INIT_TIME_DATA_MISMATCH');
    const old = platform.uvmEndorsement({ svn: 1 });
    expect(ofRequest({ uvmEndorsements: [old] })).toBe('MAA_ENDORSEMENT_REFUSED');
    expect(ofRequest({ uvmEndorsements: [platform.kata.uvmEndorsement()] })).toBe('MAA_ENDORSEMENT_REFUSED');
  });
  it('gives a Kata guest the status of its own endorsement', () => {
    const { measurement } = platform.kata;
    const snpReport = platform.attester.report({
      reportData: new Uint8Array(64),
      hostData: new Uint8Array(32),
      measurement,
    });
    const body = formatAttestSevSnpVmRequest({
      snpReport,
      vcekCertChain: thimCertificateBundle(platform.thimCertificates()),
      uvmEndorsements: [platform.kata.uvmEndorsement()],
    });
    const { claims } = appraiseSevSnpVm(parseAttestSevSnpVmRequest(body), {
      roots: [platform.trustedRoot],
      now: () => NOW,
      random: (length) => new Uint8Array(length),
      issuer: ISSUER,
      complianceTable: [platform.uvmTrust, platform.kata.uvmTrust],
    });
    expect(claims['x-ms-compliance-status']).toBe('azure-signed-katacc-uvm');
  });
});

describe('case 46: a policy hash that is not expected, a token of a draft policy', () => {
  it('ATTESTATION_TOKEN_POLICY_HASH', () => {
    const policyHash = attestationPolicyHash(DEFAULT_ATTESTATION_POLICY);
    const draft = attestationPolicyHash(`${DEFAULT_ATTESTATION_POLICY}\n`);
    expect(expecting({ 'x-ms-policy-hash': policyHash }, { policyHash })).toBe('nothing');
    expect(expecting({ 'x-ms-policy-hash': draft }, { policyHash })).toBe('ATTESTATION_TOKEN_POLICY_HASH');
    expect(expecting({ 'x-ms-policy-hash': undefined }, { policyHash })).toBe('ATTESTATION_TOKEN_POLICY_HASH');
  });
});

describe('one flipped bit', () => {
  it('is refused in every character of a token', () => {
    const text = token();
    const places = Array.from({ length: text.length }, (_, index) => index).filter(
      (index) => index % everyOrEach(5) === 0,
    );
    const accepted = places.filter((index) => {
      const flipped = String.fromCharCode(text.charCodeAt(index) ^ (1 << (index % 7)));
      return reason(text.slice(0, index) + flipped + text.slice(index + 1)) === 'nothing';
    });
    expect(accepted).toEqual([]);
  });
});
