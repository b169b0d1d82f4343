import { ByteReader, ByteWriter, concatBytes, MalformedError, UnsupportedError } from '@holdfast/base';

/** Size in bytes of an attestation report. */
export const SNP_REPORT_SIZE = 1184;
/** The bytes 0…671 that the signature covers. */
export const SNP_REPORT_SIGNED_SIZE = 672;

/** The guest policy (offset 8), decoded. `value` is the field itself. */
export interface SnpGuestPolicy {
  readonly value: bigint;
  readonly abiMinor: number;
  readonly abiMajor: number;
  readonly smtAllowed: boolean;
  readonly migrationAllowed: boolean;
  readonly debugAllowed: boolean;
  readonly singleSocketRequired: boolean;
  readonly cxlAllowed: boolean;
  readonly memAes256XtsRequired: boolean;
  readonly raplDisabledRequired: boolean;
  readonly ciphertextHidingRequired: boolean;
  readonly pageSwapDisabled: boolean;
}

/** The kind of key that signed: bits 4:2 of the key information. */
export type SnpSigningKey = 'vcek' | 'vlek' | 'none' | 'reserved';

/** An SEV-SNP attestation report. Byte fields are views of `bytes`; 64-bit fields are bigint. */
export interface SnpReport {
  /** The whole report, 1184 bytes. */
  readonly bytes: Uint8Array;
  readonly version: number;
  readonly guestSvn: number;
  readonly policy: SnpGuestPolicy;
  readonly familyId: Uint8Array;
  readonly imageId: Uint8Array;
  readonly vmpl: number;
  readonly signatureAlgorithm: number;
  readonly currentTcb: bigint;
  readonly platformInfo: bigint;
  readonly authorKeyEnabled: boolean;
  readonly chipKeyMasked: boolean;
  readonly signingKey: SnpSigningKey;
  readonly reportData: Uint8Array;
  readonly measurement: Uint8Array;
  readonly hostData: Uint8Array;
  readonly idKeyDigest: Uint8Array;
  readonly authorKeyDigest: Uint8Array;
  readonly reportId: Uint8Array;
  readonly reportIdMa: Uint8Array;
  readonly reportedTcb: bigint;
  /** Versions 3 and later: family, model, stepping of the processor. */
  readonly cpuid: { readonly family: number; readonly model: number; readonly stepping: number } | undefined;
  readonly chipId: Uint8Array;
  readonly committedTcb: bigint;
  readonly currentFirmware: SnpFirmwareVersion;
  readonly committedFirmware: SnpFirmwareVersion;
  readonly launchTcb: bigint;
  /** Version 5: mitigation vectors; undefined before. */
  readonly launchMitigations: bigint | undefined;
  readonly currentMitigations: bigint | undefined;
  /** R, big-endian, 48 bytes. */
  readonly signatureR: Uint8Array;
  /** S, big-endian, 48 bytes. */
  readonly signatureS: Uint8Array;
}

export interface SnpFirmwareVersion {
  readonly major: number;
  readonly minor: number;
  readonly build: number;
}

/** What `buildSnpReport` takes; everything has a default that a plain Milan container group would show. */
export interface SnpReportFields {
  readonly version?: number;
  readonly guestSvn?: number;
  /** The 64-bit policy; default 0x3001f. */
  readonly policy?: bigint;
  readonly familyId?: Uint8Array;
  readonly imageId?: Uint8Array;
  readonly vmpl?: number;
  readonly signatureAlgorithm?: number;
  readonly platformInfo?: bigint;
  readonly keyInfo?: number;
  readonly currentTcb?: bigint;
  readonly reportedTcb?: bigint;
  readonly committedTcb?: bigint;
  readonly launchTcb?: bigint;
  readonly reportData?: Uint8Array;
  readonly measurement?: Uint8Array;
  readonly hostData?: Uint8Array;
  readonly idKeyDigest?: Uint8Array;
  readonly authorKeyDigest?: Uint8Array;
  readonly reportId?: Uint8Array;
  readonly reportIdMa?: Uint8Array;
  /** Written for versions 3 and later only. */
  readonly cpuid?: { readonly family: number; readonly model: number; readonly stepping: number };
  readonly chipId?: Uint8Array;
  readonly currentFirmware?: SnpFirmwareVersion;
  readonly committedFirmware?: SnpFirmwareVersion;
  readonly launchMitigations?: bigint;
  readonly currentMitigations?: bigint;
}

/** A field of a report that breaks the layout. */
export interface SnpLayoutProblem {
  readonly code: 'SNP_RESERVED_NOT_ZERO' | 'SNP_SIGNATURE_ALGORITHM_UNSUPPORTED';
  readonly reason: string;
}

const VERSIONS: readonly number[] = [2, 3, 4, 5];
const ECDSA_P384_SHA384 = 1;
const DEFAULT_POLICY = 0x3001fn;

/**
 * Reads an SEV-SNP attestation report (1184 bytes, little-endian). Checks length, version, reserved fields and the
 * signature algorithm; does not verify the signature.
 * @throws MalformedError SNP_LENGTH_INVALID, SNP_RESERVED_NOT_ZERO
 * @throws UnsupportedError SNP_VERSION_UNSUPPORTED, SNP_SIGNATURE_ALGORITHM_UNSUPPORTED
 * @see AMD SEV-SNP Firmware ABI (publication 56860), table ATTESTATION_REPORT
 */
export function parseSnpReport(bytes: Uint8Array): SnpReport {
  const report = readSnpReport(bytes);
  const [problem] = snpLayoutProblems(report);
  if (problem?.code === 'SNP_RESERVED_NOT_ZERO') throw new MalformedError(problem.code, problem.reason);
  if (problem !== undefined) throw new UnsupportedError(problem.code, problem.reason);
  return report;
}

/**
 * Reads the fields of a report of the right length and version and judges nothing else; `snpLayoutProblems` does.
 * @throws MalformedError SNP_LENGTH_INVALID
 * @throws UnsupportedError SNP_VERSION_UNSUPPORTED
 */
export function readSnpReport(bytes: Uint8Array): SnpReport {
  if (bytes.length !== SNP_REPORT_SIZE) {
    throw new MalformedError('SNP_LENGTH_INVALID', `report of ${bytes.length} bytes, expected ${SNP_REPORT_SIZE}`);
  }
  const reader = new ByteReader(bytes, 'SNP_LENGTH_INVALID', 'SNP report');
  const version = reader.uint32le();
  if (!VERSIONS.includes(version)) {
    throw new UnsupportedError(
      'SNP_VERSION_UNSUPPORTED',
      `report version ${version}, known are ${VERSIONS.join(', ')}`,
    );
  }
  const guestSvn = reader.uint32le();
  const policy = decodePolicy(reader.uint64le());
  const familyId = reader.bytes(16);
  const imageId = reader.bytes(16);
  const vmpl = reader.uint32le();
  const signatureAlgorithm = reader.uint32le();
  const currentTcb = reader.uint64le();
  const platformInfo = reader.uint64le();
  const keyInfo = reader.uint32le();
  reader.bytes(4);
  const reportData = reader.bytes(64);
  const measurement = reader.bytes(48);
  const hostData = reader.bytes(32);
  const idKeyDigest = reader.bytes(48);
  const authorKeyDigest = reader.bytes(48);
  const reportId = reader.bytes(32);
  const reportIdMa = reader.bytes(32);
  const reportedTcb = reader.uint64le();
  const cpuid = { family: reader.uint8(), model: reader.uint8(), stepping: reader.uint8() };
  reader.bytes(21);
  const chipId = reader.bytes(64);
  const committedTcb = reader.uint64le();
  const currentFirmware = readFirmware(reader);
  const committedFirmware = readFirmware(reader);
  const launchTcb = reader.uint64le();
  const launchMitigations = reader.uint64le();
  const currentMitigations = reader.uint64le();
  reader.bytes(152);
  const signatureR = reader.bytes(72).subarray(0, 48).toReversed();
  const signatureS = reader.bytes(72).subarray(0, 48).toReversed();
  return {
    bytes,
    version,
    guestSvn,
    policy,
    familyId,
    imageId,
    vmpl,
    signatureAlgorithm,
    currentTcb,
    platformInfo,
    authorKeyEnabled: (keyInfo & 1) !== 0,
    chipKeyMasked: (keyInfo & 2) !== 0,
    signingKey: decodeSigningKey((keyInfo >> 2) & 7),
    reportData,
    measurement,
    hostData,
    idKeyDigest,
    authorKeyDigest,
    reportId,
    reportIdMa,
    reportedTcb,
    cpuid: version >= 3 ? cpuid : undefined,
    chipId,
    committedTcb,
    currentFirmware,
    committedFirmware,
    launchTcb,
    launchMitigations: version >= 5 ? launchMitigations : undefined,
    currentMitigations: version >= 5 ? currentMitigations : undefined,
    signatureR,
    signatureS,
  };
}

/**
 * What breaks the layout: reserved fields that are not zero, POLICY bit 17 clear, an unknown signature algorithm. Bytes
 * outside the signature are checked too; otherwise one report would have many encodings.
 */
export function snpLayoutProblems(report: SnpReport): readonly SnpLayoutProblem[] {
  const { bytes, version, policy } = report;
  const problems: SnpLayoutProblem[] = [];
  const reserved = (reason: string): void => {
    problems.push({ code: 'SNP_RESERVED_NOT_ZERO', reason });
  };
  for (const [from, to, applies] of RESERVED_RANGES) {
    if (applies(version) && !isZero(bytes.subarray(from, to)))
      reserved(`reserved bytes ${from}…${to - 1} are not zero`);
  }
  if (((bytes[72] ?? 0) & 0xe0) !== 0 || !isZero(bytes.subarray(73, 76)))
    reserved('reserved bits of the key information are not zero');
  if ((policy.value & (1n << 17n)) === 0n) reserved('bit 17 of the guest policy is clear');
  if (policy.value >> 26n !== 0n) reserved('reserved bits of the guest policy are set');
  if (!report.authorKeyEnabled && !isZero(report.authorKeyDigest)) {
    reserved('an author key digest although no author key is in use');
  }
  if (report.signatureAlgorithm !== ECDSA_P384_SHA384) {
    problems.push({
      code: 'SNP_SIGNATURE_ALGORITHM_UNSUPPORTED',
      reason: `signature algorithm ${report.signatureAlgorithm}, known is 1 (ECDSA P-384 with SHA-384)`,
    });
  }
  return problems;
}

/** [from, to) of reserved bytes, and in which versions they are reserved. */
const RESERVED_RANGES: readonly (readonly [number, number, (version: number) => boolean])[] = [
  [76, 80, () => true],
  [392, 395, (version) => version < 3],
  [395, 416, () => true],
  [491, 492, () => true],
  [495, 496, () => true],
  [504, 520, (version) => version < 5],
  [520, 672, () => true],
  [720, 744, () => true],
  [792, 816, () => true],
  [816, SNP_REPORT_SIZE, () => true],
];

/** An unsigned report (1184 bytes, signature zero) with the given fields. */
export function buildSnpReport(fields: SnpReportFields): Uint8Array {
  const version = fields.version ?? 3;
  const cpuid = version >= 3 ? (fields.cpuid ?? { family: 0x19, model: 0x01, stepping: 0x01 }) : undefined;
  const writer = new ByteWriter(SNP_REPORT_SIZE)
    .uint32le(version)
    .uint32le(fields.guestSvn ?? 0)
    .uint64le(fields.policy ?? DEFAULT_POLICY)
    .bytes(fixed(fields.familyId, 16))
    .bytes(fixed(fields.imageId, 16))
    .uint32le(fields.vmpl ?? 0)
    .uint32le(fields.signatureAlgorithm ?? ECDSA_P384_SHA384)
    .uint64le(fields.currentTcb ?? 0n)
    .uint64le(fields.platformInfo ?? 1n)
    .uint32le(fields.keyInfo ?? 0)
    .skip(4)
    .bytes(fixed(fields.reportData, 64))
    .bytes(fixed(fields.measurement, 48))
    .bytes(fixed(fields.hostData, 32))
    .bytes(fixed(fields.idKeyDigest, 48))
    .bytes(fixed(fields.authorKeyDigest, 48))
    .bytes(fixed(fields.reportId, 32))
    .bytes(fields.reportIdMa === undefined ? new Uint8Array(32).fill(0xff) : fixed(fields.reportIdMa, 32))
    .uint64le(fields.reportedTcb ?? 0n)
    .bytes(cpuid === undefined ? new Uint8Array(3) : Uint8Array.of(cpuid.family, cpuid.model, cpuid.stepping))
    .skip(21)
    .bytes(fixed(fields.chipId, 64))
    .uint64le(fields.committedTcb ?? 0n);
  writeFirmware(writer, fields.currentFirmware);
  writeFirmware(writer, fields.committedFirmware);
  return writer
    .uint64le(fields.launchTcb ?? 0n)
    .uint64le(version >= 5 ? (fields.launchMitigations ?? 0n) : 0n)
    .uint64le(version >= 5 ? (fields.currentMitigations ?? 0n) : 0n)
    .skip(152)
    .skip(512)
    .done();
}

/** The report with its signature field filled from big-endian R and S (48 bytes each). */
export function withSnpSignature(unsigned: Uint8Array, r: Uint8Array, s: Uint8Array): Uint8Array {
  const signed = concatBytes(unsigned);
  signed.set(r.toReversed(), SNP_REPORT_SIGNED_SIZE);
  signed.set(s.toReversed(), SNP_REPORT_SIGNED_SIZE + 72);
  return signed;
}

/** Whether every byte is zero. */
export function isZero(bytes: Uint8Array): boolean {
  // A plain loop: `every` calls a function for each of the hundreds of reserved bytes of a report.
  for (let index = 0; index < bytes.length; index += 1) if (bytes[index] !== 0) return false;
  return true;
}

function decodePolicy(value: bigint): SnpGuestPolicy {
  const bit = (index: bigint): boolean => ((value >> index) & 1n) === 1n;
  return {
    value,
    abiMinor: Number(value & 0xffn),
    abiMajor: Number((value >> 8n) & 0xffn),
    smtAllowed: bit(16n),
    migrationAllowed: bit(18n),
    debugAllowed: bit(19n),
    singleSocketRequired: bit(20n),
    cxlAllowed: bit(21n),
    memAes256XtsRequired: bit(22n),
    raplDisabledRequired: bit(23n),
    ciphertextHidingRequired: bit(24n),
    pageSwapDisabled: bit(25n),
  };
}

function decodeSigningKey(value: number): SnpSigningKey {
  if (value === 0) return 'vcek';
  if (value === 1) return 'vlek';
  return value === 7 ? 'none' : 'reserved';
}

/** Build, minor, major: one byte each, then a reserved byte. */
function readFirmware(reader: ByteReader): SnpFirmwareVersion {
  const build = reader.uint8();
  const minor = reader.uint8();
  const major = reader.uint8();
  reader.bytes(1);
  return { major, minor, build };
}

function writeFirmware(writer: ByteWriter, version: SnpFirmwareVersion = { major: 1, minor: 55, build: 29 }): void {
  writer.uint8(version.build).uint8(version.minor).uint8(version.major).skip(1);
}

function fixed(bytes: Uint8Array | undefined, size: number): Uint8Array {
  if (bytes === undefined) return new Uint8Array(size);
  if (bytes.length !== size)
    throw new MalformedError('SNP_LENGTH_INVALID', `a report field of ${bytes.length} bytes, expected ${size}`);
  return bytes;
}
