import { createHash, createPrivateKey, createPublicKey, generateKeyPair } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { promisify } from 'node:util';

import { fromHex, MalformedError, toHex, toUtf8 } from '@holdfast/base';
import type { Clock, RandomBytes } from '@holdfast/base';

import { tag } from '../der/reader.ts';
import { derInteger, derString } from '../der/writer.ts';
import { createRevocationList } from '../x509/revocation-list.ts';
import type { RevocationList } from '../x509/revocation-list.ts';
import { buildSnpReport } from '../snp/report.ts';
import { simulatedRoot } from '../snp/roots.ts';
import type { SnpTrustedRoot } from '../snp/roots.ts';
import { signSnpReport } from '../snp/signature.ts';
import { encodeTcb } from '../snp/tcb.ts';
import type { SnpTcb } from '../snp/tcb.ts';
import type { ThimCertificates } from '../snp/thim.ts';
import type { UvmTrustEntry } from '../uvm/issued-envelope.ts';
import { certificatesToPem, parseCertificates } from '../x509/certificate.ts';
import type { Certificate, CertificateExtension } from '../x509/certificate.ts';
import {
  basicConstraintsExtension,
  createCertificate,
  extendedKeyUsageExtension,
  keyUsageExtension,
} from '../x509/create-certificate.ts';
import type { DistinguishedName } from '../x509/name.ts';
import { signUvmEndorsement, UVM_ENDORSEMENT_EKU, uvmIssuer } from './uvm-signer.ts';

export interface SimulatedKeyPair {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

/** The private keys of a simulated platform. ARK and ASK are RSA, the others P-384. */
export interface SimulatedPlatformKeys {
  readonly ark: SimulatedKeyPair;
  readonly ask: SimulatedKeyPair;
  readonly vcek: SimulatedKeyPair;
  readonly uvmRoot: SimulatedKeyPair;
  readonly uvmLeaf: SimulatedKeyPair;
}

const generate = promisify(generateKeyPair);

/** Makes fresh keys; RSA keys in parallel on the thread pool. `rsaModulusLength` is 4096 as on real platforms; tests take 2048. */
export async function generateSimulatedPlatformKeys(
  options: { readonly rsaModulusLength?: number } = {},
): Promise<SimulatedPlatformKeys> {
  const modulusLength = options.rsaModulusLength ?? 4096;
  const [ark, ask, vcek, uvmRoot, uvmLeaf] = await Promise.all([
    generate('rsa', { modulusLength }),
    generate('rsa', { modulusLength }),
    generate('ec', { namedCurve: 'P-384' }),
    generate('ec', { namedCurve: 'P-384' }),
    generate('ec', { namedCurve: 'P-384' }),
  ]);
  return { ark, ask, vcek, uvmRoot, uvmLeaf };
}

export interface SimulatedReportRequest {
  /** 64 bytes. */
  readonly reportData: Uint8Array;
  /** 32 bytes, for example the SHA-256 of a policy. */
  readonly hostData: Uint8Array;
  /** Sets the debug bit of the guest policy. */
  readonly debug?: boolean;
  readonly vmpl?: number;
  /** 48 bytes; default is the measurement that `uvmEndorsement()` endorses. */
  readonly measurement?: Uint8Array;
}

/** The attester role of the simulated platform: a stand-in for the guest device and the firmware behind it. */
export interface SimulatedAttester {
  /** A signed report, 1184 bytes. */
  report(request: SimulatedReportRequest): Uint8Array;
}

export interface SimulatedPlatform {
  readonly attester: SimulatedAttester;
  /** What THIM would answer for this chip. */
  thimCertificates(): ThimCertificates;
  /** The launch measurement of the simulated utility VM, 48 bytes. */
  readonly measurement: Uint8Array;
  /** Binary COSE_Sign1 over `measurement`; the file `reference-info-base64` holds its standard Base64. */
  uvmEndorsement(options?: {
    readonly svn?: number;
    readonly measurement?: Uint8Array;
    readonly feed?: string;
  }): Uint8Array;
  /** The root for a verifier's configuration, as PEM. */
  readonly rootPem: string;
  /** The root of its endorsements of utility VMs, as PEM. */
  readonly endorserRootPem: string;
  /** The root of reports as a trusted root, marked simulated. */
  readonly trustedRoot: SnpTrustedRoot;
  /** The did:x509 issuer and feed for a verifier's configuration; status azure-compliant-uvm. */
  readonly uvmTrust: UvmTrustEntry;
  /** The utility VM of Kata guests: pass its measurement to `report()`; status azure-signed-katacc-uvm. */
  readonly kata: {
    readonly measurement: Uint8Array;
    readonly uvmTrust: UvmTrustEntry;
    uvmEndorsement(): Uint8Array;
  };
  /** The revocation list of the root, valid for 30 days from now; with `revoked` it names the ASK. */
  revocationList(options?: { readonly revoked?: boolean }): RevocationList;
  /** Keys and certificates for storage; private, keep it at mode 0600. Plain JSON. */
  toRecord(): SimulatedPlatformRecord;
}

/** Everything that makes the platform, as JSON. Holds private keys. */
export interface SimulatedPlatformRecord {
  readonly version: 1;
  /** PEM, PKCS#8 keys and certificates by role. */
  readonly keys: Readonly<Record<keyof SimulatedPlatformKeys, string>>;
  readonly certificates: Readonly<Record<keyof SimulatedPlatformKeys, string>>;
  /** Hex, 64 bytes. */
  readonly chipId: string;
}

const CODE = 'SIMULATED_PLATFORM_RECORD_INVALID';
const DAY = 86_400_000;
const YEAR = 365 * DAY;
const PRODUCT = 'Milan';
const CPUID = { family: 0x19, model: 0x01, stepping: 0x01 };
const FEED = 'ContainerPlat-AMD-UVM';
const KATA_FEED = 'ConfAKS-AMD-UVM';
const ASK_SERIAL = 0x10001n;
const SVN = 104;
const POLICY = 0x3001fn;
const DEBUG_BIT = 1n << 19n;
/** One state of firmware for reported, committed and current; the microcode exercises a version above 127. */
const TCB: SnpTcb = { bootloader: 4, tee: 0, snp: 24, microcode: 219 };
const EXTENSION_PREFIX = '1.3.6.1.4.1.3704.1.';
const ROLES = ['ark', 'ask', 'vcek', 'uvmRoot', 'uvmLeaf'] as const;

type Certificates = Readonly<Record<keyof SimulatedPlatformKeys, Certificate>>;

/**
 * Makes a simulated SEV-SNP platform: a test root (ARK), ASK and VCEK of real shape, and a signer of utility VM
 * endorsements. Nothing trusts it until a verifier is configured with `rootPem` and `uvmTrust`.
 */
export function createSimulatedPlatform(options: {
  readonly random: RandomBytes;
  readonly now: Clock;
  readonly keys: SimulatedPlatformKeys;
}): SimulatedPlatform {
  const chipId = options.random(64);
  const certificates = {
    ...createSnpChain(options.keys, chipId, options.now()),
    ...createUvmChain(options.keys, options.now()),
  };
  return assemble({ ...options, chipId, certificates });
}

/**
 * The platform that `toRecord()` described.
 * @throws MalformedError SIMULATED_PLATFORM_RECORD_INVALID
 */
export function restoreSimulatedPlatform(
  record: unknown,
  options: { readonly random: RandomBytes; readonly now: Clock },
): SimulatedPlatform {
  try {
    return assemble({ ...options, ...readRecord(record) });
  } catch (cause) {
    // The record is a file of ours, and whatever is wrong with it has the same remedy; the key text is not repeated.
    throw new MalformedError(CODE, 'the record of the simulated platform cannot be read', { cause });
  }
}

function assemble(parts: {
  readonly random: RandomBytes;
  readonly now: Clock;
  readonly keys: SimulatedPlatformKeys;
  readonly chipId: Uint8Array;
  readonly certificates: Certificates;
}): SimulatedPlatform {
  const { random, now, keys, chipId, certificates } = parts;
  const tcb = encodeTcb(TCB, PRODUCT);
  const measurement = digest('sha384', 'holdfast simulated utility vm');
  const idKeyDigest = digest('sha384', 'holdfast simulated id key');
  // Stays the same for the life of one platform object, as it does for the life of a guest.
  const reportId = random(32);
  const rootPem = certificatesToPem([certificates.ark]);
  const endorse = (feed: string, svn: number, endorsed: Uint8Array): Uint8Array =>
    signUvmEndorsement({
      leaf: certificates.uvmLeaf,
      root: certificates.uvmRoot,
      signingKey: keys.uvmLeaf.privateKey,
      feed,
      svn,
      measurement: endorsed,
      signedAt: now(),
    });
  const uvmTrust: UvmTrustEntry = {
    issuer: uvmIssuer(certificates.uvmRoot),
    feed: FEED,
    minimumSvn: 100,
    algorithms: ['ES384'],
    complianceStatus: 'azure-compliant-uvm',
  };
  const kataMeasurement = digest('sha384', 'holdfast simulated kata utility vm');
  return {
    attester: {
      report: (request) =>
        signSnpReport(
          buildSnpReport({
            version: 3,
            guestSvn: 2,
            policy: request.debug === true ? POLICY | DEBUG_BIT : POLICY,
            familyId: leadingByte(1),
            imageId: leadingByte(2),
            vmpl: request.vmpl ?? 0,
            platformInfo: 0x25n,
            reportData: request.reportData,
            hostData: request.hostData,
            measurement: request.measurement ?? measurement,
            idKeyDigest,
            reportId,
            cpuid: CPUID,
            chipId,
            currentTcb: tcb,
            reportedTcb: tcb,
            committedTcb: tcb,
            launchTcb: tcb,
          }),
          keys.vcek.privateKey,
        ),
    },
    thimCertificates: () => ({
      vcekCert: certificatesToPem([certificates.vcek]),
      tcbm: tcb.toString(16).padStart(16, '0'),
      certificateChain: certificatesToPem([certificates.ask, certificates.ark]),
      cacheControl: '86400',
    }),
    measurement,
    uvmEndorsement: (options = {}) =>
      endorse(options.feed ?? FEED, options.svn ?? SVN, options.measurement ?? measurement),
    rootPem,
    endorserRootPem: certificatesToPem([certificates.uvmRoot]),
    trustedRoot: simulatedRoot(rootPem),
    uvmTrust,
    kata: {
      measurement: kataMeasurement,
      uvmTrust: { ...uvmTrust, feed: KATA_FEED, minimumSvn: 1, complianceStatus: 'azure-signed-katacc-uvm' },
      uvmEndorsement: () => endorse(KATA_FEED, 1, kataMeasurement),
    },
    revocationList: (options = {}) =>
      createRevocationList({
        issuer: certificates.ark.subject,
        signingKey: keys.ark.privateKey,
        signatureAlgorithm: 'rsa-pss-sha384',
        thisUpdate: now(),
        nextUpdate: now() + 30 * DAY,
        revokedSerials: options.revoked === true ? [ASK_SERIAL] : [],
      }),
    toRecord: () => ({
      version: 1,
      keys: byRole((role) => keys[role].privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()),
      certificates: byRole((role) => certificatesToPem([certificates[role]])),
      chipId: toHex(chipId),
    }),
  };
}

/** ARK, ASK and VCEK with the names, extensions and lives of real ones. */
function createSnpChain(
  keys: SimulatedPlatformKeys,
  chipId: Uint8Array,
  now: number,
): Pick<Certificates, 'ark' | 'ask' | 'vcek'> {
  const common = { notBefore: now - DAY, signatureAlgorithm: 'rsa-pss-sha384' } as const;
  const ark = createCertificate({
    ...common,
    subject: amdName(`ARK-${PRODUCT}`),
    issuer: amdName(`ARK-${PRODUCT}`),
    publicKey: keys.ark.publicKey,
    signingKey: keys.ark.privateKey,
    serial: 0x10000n,
    notAfter: now + 25 * YEAR,
    extensions: [basicConstraintsExtension({ ca: true }), keyUsageExtension(['keyCertSign', 'cRLSign'])],
  });
  const ask = createCertificate({
    ...common,
    subject: amdName(`SEV-${PRODUCT}`),
    issuer: ark.subject,
    publicKey: keys.ask.publicKey,
    signingKey: keys.ark.privateKey,
    serial: ASK_SERIAL,
    notAfter: now + 25 * YEAR,
    extensions: [basicConstraintsExtension({ ca: true, pathLength: 0 }), keyUsageExtension(['keyCertSign'])],
  });
  const vcek = createCertificate({
    ...common,
    subject: amdName('SEV-VCEK'),
    issuer: ask.subject,
    publicKey: keys.vcek.publicKey,
    signingKey: keys.ask.privateKey,
    serial: 0n,
    notAfter: now + 7 * YEAR,
    extensions: vcekExtensions(TCB, chipId),
  });
  return { ark, ask, vcek };
}

/** The private extensions of a Milan VCEK. The chip identifier stands bare, as real certificates have it. */
export function vcekExtensions(tcb: SnpTcb, chipId: Uint8Array): readonly CertificateExtension[] {
  const extension = (suffix: string, value: Uint8Array): CertificateExtension => ({
    oid: EXTENSION_PREFIX + suffix,
    critical: false,
    value,
  });
  return [
    extension('1', derInteger(0)),
    extension('2', derString(tag.ia5String, 'Milan-B0')),
    extension('3.1', derInteger(tcb.bootloader)),
    extension('3.2', derInteger(tcb.tee)),
    extension('3.4', derInteger(0)),
    extension('3.5', derInteger(0)),
    extension('3.6', derInteger(0)),
    extension('3.7', derInteger(0)),
    extension('3.3', derInteger(tcb.snp)),
    extension('3.8', derInteger(tcb.microcode)),
    extension('4', chipId),
  ];
}

function createUvmChain(keys: SimulatedPlatformKeys, now: number): Pick<Certificates, 'uvmRoot' | 'uvmLeaf'> {
  const name: DistinguishedName = [
    { type: 'O', value: 'Holdfast' },
    { type: 'CN', value: 'Holdfast Simulated Supply Chain Root' },
  ];
  const common = { notBefore: now - DAY, notAfter: now + 25 * YEAR, signatureAlgorithm: 'ecdsa-sha384' } as const;
  const uvmRoot = createCertificate({
    ...common,
    subject: name,
    issuer: name,
    publicKey: keys.uvmRoot.publicKey,
    signingKey: keys.uvmRoot.privateKey,
    serial: 1n,
    extensions: [basicConstraintsExtension({ ca: true }), keyUsageExtension(['keyCertSign', 'cRLSign'])],
  });
  const uvmLeaf = createCertificate({
    ...common,
    subject: [
      { type: 'O', value: 'Holdfast' },
      { type: 'CN', value: 'Holdfast Simulated ContainerPlat' },
    ],
    issuer: name,
    publicKey: keys.uvmLeaf.publicKey,
    signingKey: keys.uvmRoot.privateKey,
    serial: 2n,
    extensions: [
      basicConstraintsExtension({ ca: false }),
      keyUsageExtension(['digitalSignature']),
      extendedKeyUsageExtension(['1.3.6.1.4.1.311.76.59.1.1', UVM_ENDORSEMENT_EKU]),
    ],
  });
  return { uvmRoot, uvmLeaf };
}

/** AMD's distinguished name in its order, with this common name. */
function amdName(commonName: string): DistinguishedName {
  return [
    { type: 'OU', value: 'Engineering' },
    { type: 'C', value: 'US' },
    { type: 'L', value: 'Santa Clara' },
    { type: 'ST', value: 'CA' },
    { type: 'O', value: 'Advanced Micro Devices' },
    { type: 'CN', value: commonName },
  ];
}

function readRecord(record: unknown): {
  readonly keys: SimulatedPlatformKeys;
  readonly chipId: Uint8Array;
  readonly certificates: Certificates;
} {
  const { version, keys, certificates, chipId } = record as Partial<SimulatedPlatformRecord>;
  if (version !== 1 || keys === undefined || certificates === undefined || typeof chipId !== 'string') {
    throw new TypeError('a member is missing');
  }
  const parsed = {
    keys: byRole((role) => {
      const privateKey = createPrivateKey(keys[role]);
      return { privateKey, publicKey: createPublicKey(privateKey) };
    }),
    certificates: byRole((role) => {
      const [certificate] = parseCertificates(certificates[role]);
      if (certificate === undefined) throw new TypeError(`no certificate for ${role}`);
      return certificate;
    }),
    chipId: fromHex(chipId),
  };
  for (const role of ROLES) {
    if (!parsed.certificates[role].publicKey.equals(parsed.keys[role].publicKey))
      throw new TypeError(`key and certificate of ${role} differ`);
  }
  if (parsed.chipId.length !== 64) throw new TypeError('the chip identifier is not 64 bytes');
  return parsed;
}

function byRole<T>(value: (role: (typeof ROLES)[number]) => T): Record<(typeof ROLES)[number], T> {
  return {
    ark: value('ark'),
    ask: value('ask'),
    vcek: value('vcek'),
    uvmRoot: value('uvmRoot'),
    uvmLeaf: value('uvmLeaf'),
  };
}

/** 16 bytes, the first of which is `value`: how Azure fills family and image identifiers. */
function leadingByte(value: number): Uint8Array {
  const bytes = new Uint8Array(16);
  bytes[0] = value;
  return bytes;
}

function digest(algorithm: string, text: string): Uint8Array {
  return new Uint8Array(createHash(algorithm).update(toUtf8(text)).digest());
}
