import { createHash, generateKeyPairSync } from 'node:crypto';

import { concatBytes, toHex, toUtf8 } from '@holdfast/base';
import { beforeAll, describe, expect, it } from 'vitest';

import {
  generateSimulatedPlatformKeys,
  parseLedgerKeys,
  productionUvmTrust,
  verifyLedgerTrustList,
  verifyUvmEndorsement,
} from '../../src/index.ts';
import type { LedgerKeys, SimulatedPlatform, SimulatedPlatformKeys } from '../../src/index.ts';
import { decodeCbor } from '../../src/cbor/decode.ts';
import { encodeCbor } from '../../src/cbor/encode.ts';
import { CborTagged } from '../../src/cbor/value.ts';
import type { CborMap, CborValue } from '../../src/cbor/value.ts';
import { signCoseSign1 } from '../../src/cose/sign1.ts';
import { codeOf, makePlatform, NOW } from '../support/chain.ts';
import { haveVectors, vectorBytes, vectorText } from '../support/vectors.ts';

const LEDGER = 'ledger.example';
const ledgerKey = generateKeyPairSync('ec', { namedCurve: 'P-384' });
const otherKey = generateKeyPairSync('ec', { namedCurve: 'P-384' });
const kid = keyId(ledgerKey.publicKey);
const ledgers = parseLedgerKeys(JSON.stringify({ keys: [ledgerKey.publicKey.export({ format: 'jwk' })] }), LEDGER);
let keys: SimulatedPlatformKeys;
let platform: SimulatedPlatform;
let statement: Uint8Array;

beforeAll(async () => {
  keys = await generateSimulatedPlatformKeys({ rsaModulusLength: 2048 });
  platform = makePlatform(keys);
  statement = platform.uvmEndorsement();
});

function keyId(key: typeof ledgerKey.publicKey): string {
  return toHex(
    createHash('sha256')
      .update(key.export({ format: 'der', type: 'spki' }))
      .digest(),
  );
}

function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(
    createHash('sha256')
      .update(concatBytes(...parts))
      .digest(),
  );
}

type Parts = [Uint8Array, CborMap, Uint8Array, Uint8Array];

function partsOf(cose: Uint8Array): Parts {
  return (decodeCbor(cose) as CborTagged).value as unknown as Parts;
}

interface ReceiptChanges {
  readonly header?: (header: Map<number | string, CborValue>) => void;
  readonly evidence?: string;
  readonly path?: readonly CborValue[];
  readonly proofs?: number;
  readonly signer?: typeof ledgerKey.privateKey;
  readonly claims?: Uint8Array;
}

/** A receipt of the ledger over `cose`, with what a test wants to be different. */
function receipt(cose: Uint8Array, changes: ReceiptChanges = {}): Uint8Array {
  const [protectedBytes, , payload, signature] = partsOf(cose);
  const claims =
    changes.claims ?? sha256(encodeCbor(new CborTagged(18, [protectedBytes, new Map(), payload, signature])));
  const transaction = new Uint8Array(32).fill(1);
  const evidence = changes.evidence ?? 'ce:2.17:00';
  const sibling = new Uint8Array(32).fill(2);
  const path = changes.path ?? [
    [true, sibling],
    [false, sibling],
  ];
  const leaf = sha256(transaction, sha256(toUtf8(evidence)), claims);
  const root = sha256(sha256(sibling, leaf), sibling);
  const header = new Map<number | string, CborValue>([
    [4, toUtf8(kid)],
    [395, 2],
    [
      15,
      new Map<number, CborValue>([
        [1, LEDGER],
        [2, 'scitt.ccf.signature.v1'],
        [6, NOW / 1000],
      ]),
    ],
  ]);
  changes.header?.(header);
  const proof = encodeCbor(
    new Map<number, CborValue>([
      [1, [transaction, evidence, claims]],
      [2, path],
    ]),
  );
  return signCoseSign1({
    algorithm: 'ES384',
    protectedHeader: header,
    unprotectedHeader: new Map([[396, new Map([[-1, Array.from({ length: changes.proofs ?? 1 }, () => proof)]])]]),
    payload: root,
    detached: true,
    signingKey: changes.signer ?? ledgerKey.privateKey,
  });
}

function withReceipts(cose: Uint8Array, ...receipts: readonly CborValue[]): Uint8Array {
  const [protectedBytes, , payload, signature] = partsOf(cose);
  return encodeCbor(new CborTagged(18, [protectedBytes, new Map([[394, receipts]]), payload, signature]));
}

function verify(cose: Uint8Array, required = true, known: readonly LedgerKeys[] = ledgers) {
  return verifyUvmEndorsement(cose, {
    trustedIssuers: [platform.uvmTrust],
    now: () => NOW,
    transparency: { ledgers: known, required },
  });
}

describe('transparency receipts', () => {
  it('are accepted from a configured ledger, and say which and when', () => {
    const { receipts, receiptProblems } = verify(withReceipts(statement, receipt(statement)));
    expect(receipts).toEqual([{ ledger: LEDGER, recordedAt: NOW }]);
    expect(receiptProblems).toEqual([]);
  });

  it('are not missed unless they are required', () => {
    expect(verify(statement, false).receipts).toEqual([]);
    expect(codeOf(() => verify(statement))).toBe('UVM_RECEIPT_INVALID');
    expect(verifyUvmEndorsement(statement, { trustedIssuers: [platform.uvmTrust], now: () => NOW }).receipts).toEqual(
      [],
    );
  });

  it('count when one of several holds', () => {
    const { receipts, receiptProblems } = verify(withReceipts(statement, 'nonsense', receipt(statement)));
    expect([receipts.length, receiptProblems.length]).toEqual([1, 1]);
  });

  it('are refused when they are grafted from another statement, although their own signature holds', () => {
    const other = platform.uvmEndorsement({ svn: 105 });
    const grafted = withReceipts(statement, receipt(other));
    expect(codeOf(() => verify(grafted))).toBe('UVM_RECEIPT_INVALID');
    expect(verify(grafted, false).receiptProblems).toEqual([
      'transparency receipt: it is the receipt of another statement',
    ]);
  });

  it.each<[string, ReceiptChanges]>([
    ['the key of another ledger', { signer: otherKey.privateKey }],
    ['a key that is not configured', { header: (header) => header.set(4, toUtf8(keyId(otherKey.publicKey))) }],
    ['another ledger', { header: (header) => header.set(15, new Map([[1, 'other.example']])) }],
    ['another data structure', { header: (header) => header.set(395, 1) }],
    ['no data structure', { header: (header) => header.delete(395) }],
    ['no proof', { proofs: 0 }],
    ['empty evidence', { evidence: '' }],
    ['evidence above 1024 bytes', { evidence: 'x'.repeat(1025) }],
    ['an empty path', { path: [] }],
    ['a path above 64 elements', { path: Array.from({ length: 65 }, () => [true, new Uint8Array(32)]) }],
    ['a path with a short digest', { path: [[true, new Uint8Array(31)]] }],
    ['a path that leads elsewhere', { path: [[true, new Uint8Array(32)]] }],
  ])('are refused with %s', (_name, changes) => {
    expect(codeOf(() => verify(withReceipts(statement, receipt(statement, changes))))).toBe('UVM_RECEIPT_INVALID');
  });
});

describe('parseLedgerKeys', () => {
  const jwk = ledgerKey.publicKey.export({ format: 'jwk' });

  it('reads keys by ledger, names them by their digest, and skips those it cannot use', () => {
    const malformed = { ...jwk, x: jwk.y, y: jwk.x };
    const weak = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' });
    const [first] = parseLedgerKeys(JSON.stringify({ 'a.example': { keys: [malformed, weak, null, jwk] } }));
    expect([first?.ledger, [...(first?.keys.keys() ?? [])]]).toEqual(['a.example', [kid]]);
  });

  it.each([
    ['a ledger without a usable key', JSON.stringify({ 'a.example': { keys: [] } })],
    ['no ledger', '{}'],
    ['a bare set without the name of its ledger', JSON.stringify({ keys: [jwk] })],
    ['keys that are no list', JSON.stringify({ 'a.example': { keys: {} } })],
    ['no JSON', 'x'],
  ])('refuses %s', (_name, json) => {
    expect(codeOf(() => parseLedgerKeys(json))).toBe('UVM_LEDGER_KEYS_INVALID');
  });
});

describe('verifyLedgerTrustList', () => {
  /** A trust list signed like an endorsement, in the form with CWT claims. */
  function trustList(svn: CborValue): Uint8Array {
    const { x = '', y = '' } = ledgerKey.publicKey.export({ format: 'jwk' });
    const point = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'base64url'));
    const key = new Map<number, CborValue>([
      [1, 2],
      [-1, 2],
      [-2, point(x)],
      [-3, point(y)],
    ]);
    const [protectedBytes] = partsOf(statement);
    const header = new Map(decodeCbor(protectedBytes) as CborMap);
    const issuer = header.get('iss') ?? null;
    for (const label of [1, 'iss', 'feed', 'signingtime']) header.delete(label);
    header.set(
      15,
      new Map<number | string, CborValue>([
        [1, issuer],
        [2, 'ledgers'],
        [6, NOW / 1000],
        ['svn', svn],
      ]),
    );
    const payload = encodeCbor(new Map([[LEDGER, new Map([[1, [key]]])]]));
    return signCoseSign1({ algorithm: 'ES384', protectedHeader: header, payload, signingKey: keys.uvmLeaf.privateKey });
  }

  const options = () => ({
    trustedIssuers: [{ ...platform.uvmTrust, feed: 'ledgers', minimumSvn: 3 }],
    now: () => NOW,
  });

  it('yields keys that verify receipts', () => {
    const known = verifyLedgerTrustList(trustList(3), options());
    expect(verify(withReceipts(statement, receipt(statement)), true, known).receipts).toHaveLength(1);
  });

  it('refuses a list that is too old, states no version, or was signed for another feed', () => {
    expect(codeOf(() => verifyLedgerTrustList(trustList(2), options()))).toBe('UVM_SVN_TOO_LOW');
    expect(codeOf(() => verifyLedgerTrustList(trustList('3'), options()))).toBe('UVM_SVN_TOO_LOW');
    expect(codeOf(() => verifyLedgerTrustList(statement, options()))).toBe('UVM_FEED_UNTRUSTED');
  });
});

describe('signers of endorsements', () => {
  it('can be shut out by certificate or by date', () => {
    const check = (changes: object): string =>
      codeOf(() =>
        verifyUvmEndorsement(statement, { trustedIssuers: [{ ...platform.uvmTrust, ...changes }], now: () => NOW }),
      );
    const chain = (decodeCbor(partsOf(statement)[0]) as CborMap).get(33) as readonly Uint8Array[];
    expect(check({ refusedSigners: [toHex(sha256(chain[0] ?? new Uint8Array()))] })).toBe('UVM_SIGNER_REFUSED');
    expect(check({ signedFrom: NOW + 1000 })).toBe('UVM_SIGNER_REFUSED');
    expect(check({ refusedSigners: ['00'.repeat(32)], signedFrom: NOW })).toBe('nothing');
  });
});

describe.skipIf(!haveVectors)('a real transparency receipt', () => {
  const HOST = 'esrp-cts-db.confidential-ledger.azure.com';
  const real = (): Uint8Array => vectorBytes('cose/esrp_transparent_hash_envelop.cose');
  const known = (name: string, host: string): readonly LedgerKeys[] =>
    parseLedgerKeys(vectorText(`cose/${name}`), host);
  const check = (cose: Uint8Array, ledgerKeys: readonly LedgerKeys[]) =>
    verifyUvmEndorsement(cose, {
      trustedIssuers: productionUvmTrust,
      now: () => NOW,
      transparency: { ledgers: ledgerKeys, required: true },
    });

  it('holds under the keys of its ledger', () => {
    const { receipts, svn } = check(real(), known('esrp_db_ledger_pub_keys.json', HOST));
    expect([svn, receipts.map(({ ledger }) => ledger)]).toEqual([104, [HOST]]);
  });

  it('does not hold under the keys of another ledger, whichever name they are given', () => {
    const other = 'esrp_cp_ledger_pub_keys.json';
    expect(codeOf(() => check(real(), known(other, HOST)))).toBe('UVM_RECEIPT_INVALID');
    expect(codeOf(() => check(real(), known(other, 'esrp-cts-cp.confidential-ledger.azure.com')))).toBe(
      'UVM_RECEIPT_INVALID',
    );
    expect(codeOf(() => check(real(), known('esrp_db_ledger_pub_keys.json', 'other.example')))).toBe(
      'UVM_RECEIPT_INVALID',
    );
  });
});
