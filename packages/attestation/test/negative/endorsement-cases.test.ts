import { createHash } from 'node:crypto';

import { toBase64Url, toHex, toUtf8 } from '@holdfast/base';
import { beforeAll, describe, expect, it } from 'vitest';

import {
  createCertificate,
  extendedKeyUsageExtension,
  generateSimulatedPlatformKeys,
  parseCertificate,
  parseLedgerKeys,
  parseSnpReport,
  productionUvmTrust,
  verifyUvmEndorsement,
} from '../../src/index.ts';
import type { SimulatedPlatform, SimulatedPlatformKeys, UvmTrustEntry } from '../../src/index.ts';
import { decodeCbor } from '../../src/cbor/decode.ts';
import { encodeCbor } from '../../src/cbor/encode.ts';
import { CborFloat, CborTagged } from '../../src/cbor/value.ts';
import type { CborMap, CborValue } from '../../src/cbor/value.ts';
import { signCoseSign1 } from '../../src/cose/sign1.ts';
import { codeOf, flipBit, makePlatform, NOW } from '../support/chain.ts';
import { fromBase64Text, haveVectors, vectorBytes, vectorText } from '../support/vectors.ts';

/** What a verifier of utility VM endorsements has to refuse, one test a case, each with its primary reason. */
let keys: SimulatedPlatformKeys;
let platform: SimulatedPlatform;
let cose: Uint8Array;

beforeAll(async () => {
  keys = await generateSimulatedPlatformKeys({ rsaModulusLength: 2048 });
  platform = makePlatform(keys);
  cose = platform.uvmEndorsement();
});

type Header = Map<number | string, CborValue>;

function parts(bytes: Uint8Array): [Uint8Array, CborMap, Uint8Array, Uint8Array] {
  return (decodeCbor(bytes) as CborTagged).value as unknown as [Uint8Array, CborMap, Uint8Array, Uint8Array];
}

function header(): Header {
  return new Map(decodeCbor(parts(cose)[0]) as CborMap);
}

function reason(bytes: Uint8Array, trust: Partial<UvmTrustEntry> = {}, measurement?: Uint8Array): string {
  const trustedIssuers = [{ ...platform.uvmTrust, ...trust }];
  const expected = measurement === undefined ? {} : { measurement };
  return codeOf(() => verifyUvmEndorsement(bytes, { trustedIssuers, now: () => NOW, ...expected }));
}

/** Genuinely signed again with another header or payload. */
function resigned(change: (header: Header) => void, payload = parts(cose)[2]): Uint8Array {
  const protectedHeader = header();
  protectedHeader.delete(1);
  change(protectedHeader);
  return signCoseSign1({ algorithm: 'ES384', protectedHeader, payload, signingKey: keys.uvmLeaf.privateKey });
}

function withVersion(version: unknown): Uint8Array {
  const measurement = { 'x-ms-sevsnpvm-launchmeasurement': 'aa'.repeat(48) };
  return toUtf8(JSON.stringify({ 'x-ms-sevsnpvm-guestsvn': version, ...measurement }));
}

/** The same statement in the form whose payload is the measurement itself. */
function hashEnvelope(svn: CborValue): Uint8Array {
  return resigned((protectedHeader) => {
    const claims = new Map<number | string, CborValue>([
      [1, protectedHeader.get('iss') ?? null],
      [2, protectedHeader.get('feed') ?? null],
      [6, protectedHeader.get('signingtime') ?? null],
      ['svn', svn],
    ]);
    for (const label of ['iss', 'feed', 'signingtime', 3]) protectedHeader.delete(label);
    protectedHeader.set(15, claims).set(258, -43).set(259, 'application/octet-stream');
  }, new Uint8Array(48).fill(1));
}

it('accepts what the cases below start from', () => {
  expect(reason(cose, {}, platform.measurement)).toBe('nothing');
  expect(reason(hashEnvelope(104), {}, new Uint8Array(48).fill(1))).toBe('nothing');
});

describe('case 31: an endorsement of another build', () => {
  it('UVM_MEASUREMENT_MISMATCH', () => {
    expect(reason(cose, {}, new Uint8Array(48))).toBe('UVM_MEASUREMENT_MISMATCH');
    expect(reason(cose, {}, new Uint8Array())).toBe('UVM_MEASUREMENT_MISMATCH');
  });
  it.skipIf(!haveVectors)('UVM_MEASUREMENT_MISMATCH with a genuine report', () => {
    const bytes = fromBase64Text(vectorText('security-context/reference-info-base64'));
    const { measurement } = parseSnpReport(vectorBytes('caci-svn22/snp_report.bin'));
    const options = { trustedIssuers: productionUvmTrust, now: () => NOW, measurement };
    expect(codeOf(() => verifyUvmEndorsement(bytes, options))).toBe('UVM_MEASUREMENT_MISMATCH');
  });
});

describe('case 32: a version below the minimum, or not in its canonical form', () => {
  it('UVM_SVN_TOO_LOW below the minimum', () => {
    expect(reason(platform.uvmEndorsement({ svn: 99 }))).toBe('UVM_SVN_TOO_LOW');
    expect(reason(hashEnvelope(99))).toBe('UVM_SVN_TOO_LOW');
  });
  it.each(['0100', '-104', '104.0', ' 104', '', '1e3', 104])('UVM_SVN_TOO_LOW for %j in the payload', (version) => {
    expect(reason(resigned(() => undefined, withVersion(version)))).toBe('UVM_SVN_TOO_LOW');
  });
  it('UVM_SVN_TOO_LOW for a text, a negative number, a float or nothing in the header', () => {
    for (const version of ['104', -104, new CborFloat(104), null])
      expect(reason(hashEnvelope(version))).toBe('UVM_SVN_TOO_LOW');
  });
  it('UVM_SVN_TOO_LOW for two versions that differ', () => {
    const payload = JSON.stringify({
      'x-ms-sevsnpvm-guestsvn': '104',
      'x-ms-sevsnpvm-guestsvn-int': 105,
      'x-ms-sevsnpvm-launchmeasurement': 'aa'.repeat(48),
    });
    expect(reason(resigned(() => undefined, toUtf8(payload)))).toBe('UVM_SVN_TOO_LOW');
  });
});

describe.skipIf(!haveVectors)('case 33: an envelope signed under a test root', () => {
  const judge = (change: Partial<UvmTrustEntry>): string => {
    const trustedIssuers = productionUvmTrust.map((entry) => ({ ...entry, ...change }));
    return codeOf(() => verifyUvmEndorsement(vectorBytes('cose/esrp.test.cose'), { trustedIssuers, now: () => NOW }));
  };
  it('UVM_ALGORITHM_REFUSED, UVM_ISSUER_UNTRUSTED when its algorithm is allowed', () => {
    expect(judge({})).toBe('UVM_ALGORITHM_REFUSED');
    expect(judge({ algorithms: ['ES384'] })).toBe('UVM_ISSUER_UNTRUSTED');
  });
  it('UVM_SVN_TOO_LOW when its own issuer and feed are allowed, since it is no endorsement', () => {
    const envelope = parts(vectorBytes('cose/esrp.test.cose'));
    const protectedHeader = decodeCbor(envelope[0]) as CborMap;
    const claims = protectedHeader.get(15) as CborMap | undefined;
    const text = (value: CborValue | undefined): string => (typeof value === 'string' ? value : '');
    const issuer = text(protectedHeader.get('iss') ?? claims?.get(1));
    const feed = text(protectedHeader.get('feed') ?? claims?.get(2));
    const own = { issuer, feed, algorithms: ['ES384'] as const, minimumSvn: 0 };
    expect(judge(own)).toBe('UVM_SVN_TOO_LOW');
  });
});

describe('case 34: the right issuer text over a chain that does not satisfy it', () => {
  const chainOf = (bytes: Uint8Array): readonly Uint8Array[] =>
    (decodeCbor(parts(bytes)[0]) as CborMap).get(33) as readonly Uint8Array[];
  const leafDigest = (): string =>
    toBase64Url(
      createHash('sha256')
        .update(chainOf(cose)[0] ?? cose)
        .digest(),
    );

  it('UVM_CHAIN_INVALID without the pinned root', async () => {
    const stranger = makePlatform(await generateSimulatedPlatformKeys({ rsaModulusLength: 2048 }));
    const [, root] = chainOf(stranger.uvmEndorsement());
    const [leaf] = chainOf(cose);
    const mixed = resigned((protectedHeader) => protectedHeader.set(33, [leaf ?? null, root ?? null]));
    expect(reason(mixed)).toBe('UVM_CHAIN_INVALID');
  });
  it('UVM_CHAIN_INVALID when the leaf lacks the key usage', () => {
    const [der, root] = chainOf(cose);
    const leaf = parseCertificate(der ?? cose);
    const plain = createCertificate({
      subject: leaf.subject,
      issuer: leaf.issuer,
      publicKey: leaf.publicKey,
      signingKey: keys.uvmRoot.privateKey,
      serial: 3n,
      notBefore: leaf.notBefore,
      notAfter: leaf.notAfter,
      signatureAlgorithm: 'ecdsa-sha384',
      extensions: [extendedKeyUsageExtension(['1.3.6.1.4.1.311.76.59.1.1'])],
    });
    const signed = resigned((protectedHeader) => {
      protectedHeader.set(33, [plain.der, root ?? null]);
      protectedHeader.delete(34);
    });
    expect(reason(signed)).toBe('UVM_CHAIN_INVALID');
  });
  it('UVM_CHAIN_INVALID when the fingerprint is that of the leaf', () => {
    const issuer = `did:x509:0:sha256:${leafDigest()}::eku:1.3.6.1.4.1.311.76.59.1.2`;
    expect(
      reason(
        resigned((protectedHeader) => protectedHeader.set('iss', issuer)),
        { issuer },
      ),
    ).toBe('UVM_CHAIN_INVALID');
  });
});

describe('case 35: another feed; issuers in two places that differ', () => {
  it('UVM_FEED_UNTRUSTED and UVM_ISSUER_UNTRUSTED', () => {
    expect(reason(platform.uvmEndorsement({ feed: 'ContainerPlat-AMD-UVM2' }))).toBe('UVM_FEED_UNTRUSTED');
    const two = resigned((protectedHeader) => protectedHeader.set(15, new Map([[1, 'did:x509:0:other']])));
    expect(reason(two)).toBe('UVM_ISSUER_UNTRUSTED');
  });
  it('UVM_FEED_UNTRUSTED for an endorsement of a Kata guest where a container group is expected', () => {
    expect(reason(platform.kata.uvmEndorsement())).toBe('UVM_FEED_UNTRUSTED');
    expect(reason(platform.kata.uvmEndorsement(), platform.kata.uvmTrust, platform.kata.measurement)).toBe('nothing');
  });
});

describe('case 36: the protected header encoded again', () => {
  it('UVM_SIGNATURE_INVALID', () => {
    const [, unprotectedHeader, payload, signature] = parts(cose);
    const reordered = encodeCbor(new Map([...header()].toReversed()));
    expect(reason(encodeCbor([reordered, unprotectedHeader, payload, signature]))).toBe('UVM_SIGNATURE_INVALID');
  });
});

describe('case 36b: the algorithm moved to the unprotected header', () => {
  it('UVM_ALGORITHM_REFUSED', () => {
    const [, , payload, signature] = parts(cose);
    const without = header();
    without.delete(1);
    expect(reason(encodeCbor([encodeCbor(without), new Map([[1, -35]]), payload, signature]))).toBe(
      'UVM_ALGORITHM_REFUSED',
    );
  });
});

describe('case 36c: trailing bytes, a doubled label, a label in both maps, critical headers, no protected time', () => {
  it('UVM_FORMAT_INVALID', () => {
    const [protectedBytes, , payload, signature] = parts(cose);
    const doubled = Uint8Array.from([0xa2, 0x01, 0x38, 0x22, 0x01, 0x38, 0x22]);
    const both = encodeCbor([protectedBytes, new Map([['iss', 'x']]), payload, signature]);
    const cases = [
      Uint8Array.from([...cose, 0]),
      encodeCbor([doubled, new Map(), payload, signature]),
      both,
      resigned((protectedHeader) => protectedHeader.set(2, [15])),
      resigned((protectedHeader) => protectedHeader.delete('signingtime')),
      encodeCbor([protectedBytes, new Map(), null, signature]),
    ];
    for (const bytes of cases) expect(reason(bytes)).toBe('UVM_FORMAT_INVALID');
  });
  it('UVM_FORMAT_INVALID for a payload with a doubled member', () => {
    const text = `{"x-ms-sevsnpvm-guestsvn":"104","x-ms-sevsnpvm-guestsvn":"104","x-ms-sevsnpvm-launchmeasurement":"${'aa'.repeat(48)}"}`;
    expect(reason(resigned(() => undefined, toUtf8(text)))).toBe('UVM_FORMAT_INVALID');
  });
});

describe('case 37: a transparency receipt of another statement', () => {
  it.skipIf(!haveVectors)('UVM_RECEIPT_INVALID when a real receipt is grafted', () => {
    const [, unprotectedHeader] = parts(vectorBytes('cose/esrp_transparent_hash_envelop.cose'));
    const [protectedBytes, , payload, signature] = parts(cose);
    const grafted = encodeCbor(new CborTagged(18, [protectedBytes, unprotectedHeader, payload, signature]));
    const host = 'esrp-cts-db.confidential-ledger.azure.com';
    const ledgers = parseLedgerKeys(vectorText('cose/esrp_db_ledger_pub_keys.json'), host);
    const judge = (required: boolean) =>
      verifyUvmEndorsement(grafted, {
        trustedIssuers: [platform.uvmTrust],
        now: () => NOW,
        transparency: { ledgers, required },
      });
    expect(codeOf(() => judge(true))).toBe('UVM_RECEIPT_INVALID');
    // Its own signature is genuine: only what it was issued for tells.
    expect(judge(false).receiptProblems).toEqual(['transparency receipt: it is the receipt of another statement']);
  });
});

describe('one flipped bit, one cut', () => {
  it('is refused in every byte of an endorsement, whatever its form', () => {
    for (const bytes of [cose, hashEnvelope(104)]) {
      const accepted: number[] = [];
      for (let byte = 0; byte < bytes.length; byte += 3) {
        const flipped = flipBit(bytes, byte * 8 + (byte % 8));
        if (reason(flipped) === 'nothing' && !isSameStatement(flipped, bytes)) accepted.push(byte);
      }
      expect(accepted).toEqual([]);
    }
  });
  it('UVM_FORMAT_INVALID for every length below the whole', () => {
    for (let length = 0; length < cose.length; length += 1)
      expect(reason(cose.subarray(0, length))).toBe('UVM_FORMAT_INVALID');
  });

  /** The tag around an envelope may be missing or not; what is signed is the same. */
  function isSameStatement(a: Uint8Array, b: Uint8Array): boolean {
    const item = decodeCbor(a);
    const [protectedBytes, , payload, signature] =
      item instanceof CborTagged ? parts(a) : (item as ReturnType<typeof parts>);
    const [otherProtected, , otherPayload, otherSignature] = parts(b);
    return [
      [protectedBytes, otherProtected],
      [payload, otherPayload],
      [signature, otherSignature],
    ].every(([mine = a, other = b]) => toHex(mine) === toHex(other));
  }
});
