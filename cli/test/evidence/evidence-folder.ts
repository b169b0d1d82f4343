import { createHash, randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import {
  createSimulatedPlatform,
  formatAttestSevSnpVmRequest,
  formatThimCertificates,
  generateSimulatedPlatformKeys,
  thimCertificateBundle,
} from '@holdfast/attestation';
import type { SimulatedPlatform } from '@holdfast/attestation';
import { toBase64, toHex, toUtf8 } from '@holdfast/base';
import { temporaryFolder } from '@holdfast/local/testing';

import { capture } from '../captured-io.ts';
import type { CapturedRun } from '../captured-io.ts';

/** When all evidence of the simulated platform was made, ms. */
export const NOW = Date.UTC(2026, 5, 1);
const POLICY = toUtf8('package policy\n\nallow := true\n');

/** The measurement of `policy.rego`. */
export const HOST_DATA = new Uint8Array(createHash('sha256').update(POLICY).digest());

/** Trust in the simulated platform, at a moment at which its certificates are valid. */
export const ROOTS = ['--root', 'root.pem', '--root', 'endorser-root.pem', '--at', '2026-06-01T12:00:00Z'];

export interface VerifyOutput {
  readonly version: number;
  readonly verdict: string;
  readonly failed: { readonly part: string; readonly name: string; readonly code: string } | null;
  readonly simulated: boolean;
  readonly items: readonly { readonly kind: string }[];
  readonly checks: readonly { readonly part: string; readonly name: string; readonly ok: boolean }[];
  readonly notChecked: readonly { readonly what: string }[];
}

/** Report data that binds this text. */
export function bound(text: string): Uint8Array {
  return Buffer.concat([createHash('sha256').update(text).digest(), Buffer.alloc(32)]);
}

/** The code of the error that a command printed as JSON. */
export function errorCode(stdout: string): string {
  return (JSON.parse(stdout) as { error: { code: string } }).error.code;
}

/** A folder of evidence from one simulated platform, and the commands that look at it. Gone when disposed. */
export class EvidenceFolder implements AsyncDisposable {
  readonly platform: SimulatedPlatform;
  readonly #home: Awaited<ReturnType<typeof temporaryFolder>>;

  private constructor(home: Awaited<ReturnType<typeof temporaryFolder>>, platform: SimulatedPlatform) {
    this.#home = home;
    this.platform = platform;
  }

  /** An empty folder. */
  static async create(): Promise<EvidenceFolder> {
    const keys = await generateSimulatedPlatformKeys({ rsaModulusLength: 2048 });
    const platform = createSimulatedPlatform({ random: (length) => randomBytes(length), now: () => NOW, keys });
    return new EvidenceFolder(await temporaryFolder(), platform);
  }

  /** A folder with every kind of evidence, whole and damaged. */
  static async filled(): Promise<EvidenceFolder> {
    const created = await EvidenceFolder.create();
    await created.#saveReports();
    await created.#saveEndorsements();
    await created.#saveSecurityContext();
    await created.#saveRequest();
    return created;
  }

  get path(): string {
    return this.#home.path;
  }

  save(name: string, content: string | Uint8Array): Promise<void> {
    return writeFile(join(this.path, name), content);
  }

  /** Runs `holdfast evidence …` in the folder. */
  run(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<CapturedRun> {
    return capture(['evidence', ...args], { cwd: this.path, env });
  }

  /** Runs `holdfast evidence verify … --json`. */
  async verify(...args: readonly string[]): Promise<{ readonly exitCode: number; readonly output: VerifyOutput }> {
    const { exitCode, stdout } = await this.run(['verify', ...args, '--json']);
    return { exitCode, output: JSON.parse(stdout) as VerifyOutput };
  }

  /** The code of the first check that failed, or `ok`. */
  async reason(...args: readonly string[]): Promise<string> {
    const { exitCode, output } = await this.verify(...args);
    const expected = output.failed === null ? '0 ok' : '1 refused';
    if (`${exitCode} ${output.verdict}` !== expected) {
      throw new Error(`${args.join(' ')}: exit code ${exitCode} and verdict ${output.verdict}, not ${expected}`);
    }
    return output.failed?.code ?? 'ok';
  }

  async #saveReports(): Promise<void> {
    const { attester, kata } = this.platform;
    const reportData = new Uint8Array(64);
    const report = attester.report({ reportData: new Uint8Array(64).fill(1), hostData: HOST_DATA });
    const thim = this.platform.thimCertificates();
    await Promise.all([
      this.save('report.bin', report),
      this.save('debug.bin', attester.report({ reportData, hostData: HOST_DATA, debug: true })),
      this.save('other.bin', attester.report({ reportData, hostData: new Uint8Array(32) })),
      this.save('kata.bin', attester.report({ reportData, hostData: HOST_DATA, measurement: kata.measurement })),
      this.save('report.hex', `${toHex(report)}\n`),
      this.save('report.b64', toBase64(report)),
      this.save('sidecar.json', JSON.stringify({ report: toHex(report) })),
      this.save('cut.bin', report.subarray(0, 1000)),
      this.save('flipped.bin', Uint8Array.from(report).fill(9, 80, 81)),
      this.save('combined.bin', Buffer.concat([report, toUtf8(thimCertificateBundle(thim))])),
      this.save('noise.bin', randomBytes(700).fill(0, 0, 1)),
    ]);
  }

  async #saveEndorsements(): Promise<void> {
    const { platform } = this;
    const thim = platform.thimCertificates();
    await Promise.all([
      this.save('chain.pem', thimCertificateBundle(thim)),
      this.save('leaf.pem', thim.vcekCert),
      this.save('thim.json', formatThimCertificates(thim)),
      this.save('uvm.cose', platform.uvmEndorsement()),
      this.save('kata.cose', platform.kata.uvmEndorsement()),
      this.save('policy.rego', POLICY),
      this.save('root.pem', platform.rootPem),
      this.save('endorser-root.pem', platform.endorserRootPem),
      this.save('list.crl', platform.revocationList().der),
      this.save('revoked.crl', platform.revocationList({ revoked: true }).der),
    ]);
  }

  /** The folder that a confidential container finds its evidence in, and an empty one. */
  async #saveSecurityContext(): Promise<void> {
    const { platform } = this;
    const context = 'security-context-1';
    await mkdir(join(this.path, context));
    await mkdir(join(this.path, 'empty'));
    const certificates = formatThimCertificates(platform.thimCertificates());
    await Promise.all([
      this.save(`${context}/security-policy-base64`, toBase64(POLICY)),
      this.save(`${context}/host-amd-cert-base64`, toBase64(toUtf8(certificates))),
      this.save(`${context}/reference-info-base64`, toBase64(platform.uvmEndorsement())),
    ]);
  }

  async #saveRequest(): Promise<void> {
    const { platform } = this;
    const request = formatAttestSevSnpVmRequest({
      snpReport: platform.attester.report({ reportData: bound('{"a":1}'), hostData: HOST_DATA }),
      vcekCertChain: thimCertificateBundle(platform.thimCertificates()),
      uvmEndorsements: [platform.uvmEndorsement()],
      runtimeData: { data: toUtf8('{"a":1}'), dataType: 'JSON' },
    });
    await this.save('request.json', request);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#home[Symbol.asyncDispose]();
  }
}
