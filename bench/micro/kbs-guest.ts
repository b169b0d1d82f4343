import { createHash, createPublicKey, generateKeyPairSync } from 'node:crypto';

import { canonicalJson, decodeTcb, parseCertificates, parseSnpReport } from '@holdfast/attestation';
import type { JsonObject, SimulatedPlatform } from '@holdfast/attestation';
import { fitDigest, initdataDigest } from '@holdfast/initdata';

/** Initdata of an ordinary guest: where its key broker is. */
const INITDATA = `algorithm = "sha256"
version = "0.1.0"

[data]
"aa.toml" = '''
[token_configs]
[token_configs.kbs]
url = "http://127.0.0.1:8080"
'''
`;
const HOST_DATA = fitDigest(initdataDigest(INITDATA, 'sha256'), 32);

/** The guest's half of a KBS handshake with SNP evidence, as guest components write it: JSON with a list of numbers for bytes. */
export class KbsGuest {
  readonly #platform: SimulatedPlatform;
  readonly #teeKey: JsonObject;
  readonly #certificates: readonly JsonObject[];

  constructor(platform: SimulatedPlatform) {
    this.#platform = platform;
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const { x = '', y = '' } = createPublicKey(publicKey.export({ type: 'spki', format: 'pem' })).export({
      format: 'jwk',
    });
    this.#teeKey = { kty: 'EC', crv: 'P-256', alg: 'ECDH-ES+A256KW', x, y };
    const thim = platform.thimCertificates();
    this.#certificates = parseCertificates(thim.vcekCert + thim.certificateChain).map(({ der }, at) => ({
      cert_type: ['VCEK', 'ASK', 'ARK'][at] ?? 'ASK',
      data: [...der],
    }));
  }

  /** The body of the attestation that answers a challenge. */
  attestation(nonce: string): string {
    const bound = { 'tee-pubkey': this.#teeKey, nonce, 'additional-evidence': '' };
    const digest = createHash('sha384').update(canonicalJson(bound)).digest();
    const report = this.#platform.attester.report({ reportData: fitDigest(digest, 64), hostData: HOST_DATA });
    const evidence = { attestation_report: reportMembers(report), cert_chain: this.#certificates };
    return withLargeIntegers({
      'init-data': { format: 'toml', body: INITDATA },
      'runtime-data': { nonce, 'tee-pubkey': this.#teeKey },
      'tee-evidence': { primary_evidence: evidence, additional_evidence: '' },
    });
  }

  /** Reference values under which the default policy affirms the guest. */
  referenceValues(): JsonObject {
    const report = parseSnpReport(
      this.#platform.attester.report({ reportData: new Uint8Array(64), hostData: HOST_DATA }),
    );
    const tcb = decodeTcb(report.reportedTcb, 'Milan');
    return {
      snp_launch_measurement: [Buffer.from(report.measurement).toString('hex')],
      snp_bootloader: [tcb.bootloader],
      snp_microcode: [tcb.microcode],
      snp_snp_svn: [tcb.snp],
      snp_tee_svn: [tcb.tee],
    };
  }
}

function reportMembers(bytes: Uint8Array): JsonObject {
  const report = parseSnpReport(bytes);
  const tcb = (value: bigint): JsonObject => ({ fmc: null, ...decodeTcb(value, 'Milan') });
  return {
    version: report.version,
    guest_svn: report.guestSvn,
    policy: report.policy.value,
    family_id: [...report.familyId],
    image_id: [...report.imageId],
    vmpl: report.vmpl,
    sig_algo: report.signatureAlgorithm,
    current_tcb: tcb(report.currentTcb),
    plat_info: report.platformInfo,
    key_info: new DataView(bytes.buffer, bytes.byteOffset).getUint32(0x48, true),
    report_data: [...report.reportData],
    measurement: [...report.measurement],
    host_data: [...report.hostData],
    id_key_digest: [...report.idKeyDigest],
    author_key_digest: [...report.authorKeyDigest],
    report_id: [...report.reportId],
    report_id_ma: [...report.reportIdMa],
    reported_tcb: tcb(report.reportedTcb),
    cpuid_fam_id: report.cpuid?.family ?? null,
    cpuid_mod_id: report.cpuid?.model ?? null,
    cpuid_step: report.cpuid?.stepping ?? null,
    chip_id: [...report.chipId],
    committed_tcb: tcb(report.committedTcb),
    current: { ...report.currentFirmware },
    committed: { ...report.committedFirmware },
    launch_tcb: tcb(report.launchTcb),
    signature: { r: [...bytes.subarray(0x2a0, 0x2e8)], s: [...bytes.subarray(0x2e8, 0x330)] },
  };
}

/** JSON with 64-bit integers as numbers. */
function withLargeIntegers(value: JsonObject): string {
  const text = JSON.stringify(value, (_, part: unknown) => (typeof part === 'bigint' ? `#${part}#` : part));
  return text.replace(/"#(\d+)#"/g, '$1');
}
