import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import {
  certificateChainPath,
  commonName,
  decodeTcb,
  parseCertificate,
  parseCertificates,
  productFromCpuid,
  vcekPath,
} from '@holdfast/attestation';
import type { Certificate, SnpKeyKind, SnpProduct, SnpReport } from '@holdfast/attestation';
import { DependencyError, errorMessage, PlatformError, toHex } from '@holdfast/base';
import type { Clock } from '@holdfast/base';
import type { HttpClient } from '@holdfast/http';

/** Where certificates of chips come from, in order. */
export type VcekSource =
  | { readonly type: 'OfflineStore'; readonly path: string }
  | { readonly type: 'KDS'; readonly baseUrl: string };

/** Completes what evidence brings to a chain. */
export interface SnpCertificates {
  complete(report: SnpReport, brought: readonly Certificate[]): Promise<readonly Certificate[]>;
}

export interface SnpCertificatesOptions {
  readonly sources: readonly VcekSource[];
  /** ASK, ASVK and ARK certificates that are at hand. */
  readonly issuers: readonly Certificate[];
  readonly client: Pick<HttpClient, 'send'>;
  readonly clock: Clock;
}

const TIMEOUT_MS = 15_000;
const MAX_BYTES = 64 * 1024;
const CACHE_MS = 24 * 60 * 60 * 1000;
const MAX_CACHED = 2048;

export function createSnpCertificates(options: SnpCertificatesOptions): SnpCertificates {
  const cache = new FetchCache(options);
  return {
    complete: async (report, brought) => {
      const leaf = brought.find((certificate) => /^SEV-V[CL]EK$/.test(commonName(certificate.subject) ?? ''));
      const product = report.cpuid === undefined ? undefined : productFromCpuid(report.cpuid);
      const found = [...brought];
      if (leaf === undefined && product !== undefined) found.push(await findVcek(report, product, options, cache));
      const hasIssuer = [...brought, ...options.issuers].some((certificate) =>
        /^(?:ARK|SEV)-(?!V[CL]EK$)/.test(commonName(certificate.subject) ?? ''),
      );
      if (hasIssuer) return [...found, ...options.issuers];
      return product === undefined ? found : [...found, ...(await findIssuers(report, product, options, cache))];
    },
  };
}

async function findVcek(
  report: SnpReport,
  product: SnpProduct,
  { sources }: SnpCertificatesOptions,
  cache: FetchCache,
): Promise<Certificate> {
  const reasons: string[] = [];
  for (const source of sources) {
    try {
      const bytes =
        source.type === 'KDS'
          ? await cache.get(`${source.baseUrl}${vcekPath(product, report.chipId, report.reportedTcb)}`)
          : await readOffline(source.path, report, product);
      return parseCertificate(bytes);
    } catch (error) {
      reasons.push(`${source.type}: ${errorMessage(error)}`);
    }
  }
  throw unavailable('the certificate of the chip', reasons);
}

async function findIssuers(
  report: SnpReport,
  product: SnpProduct,
  { sources }: SnpCertificatesOptions,
  cache: FetchCache,
): Promise<readonly Certificate[]> {
  const kind: SnpKeyKind = report.signingKey === 'vlek' ? 'vlek' : 'vcek';
  const reasons: string[] = [];
  for (const source of sources) {
    if (source.type !== 'KDS') continue;
    try {
      return parseCertificates(await cache.get(`${source.baseUrl}${certificateChainPath(product, kind)}`));
    } catch (error) {
      if (!(error instanceof PlatformError)) throw error;
      reasons.push(error.message);
    }
  }
  throw unavailable('the certificates of the processor line', reasons);
}

async function readOffline(folder: string, report: SnpReport, product: SnpProduct): Promise<Uint8Array> {
  const { bootloader, tee, snp, microcode, fmc } = decodeTcb(report.reportedTcb, product);
  const id = toHex(product === 'Turin' ? report.chipId.subarray(0, 8) : report.chipId);
  const two = (value: number): string => String(value).padStart(2, '0');
  const turin = fmc === undefined ? '' : `_fmc${two(fmc)}`;
  const name = `bl${two(bootloader)}_tee${two(tee)}_snp${two(snp)}_ucode${two(microcode)}${turin}_vcek.der`;
  try {
    return new Uint8Array(await readFile(join(folder, 'vcek', id, name)));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return new Uint8Array(await readFile(join(folder, 'vcek', id, 'vcek.der')));
  }
}

/** Answers of AMD's key distribution service, which throttles; the same question is asked once at a time. */
class FetchCache {
  readonly #entries = new Map<string, { readonly until: number; readonly answer: Promise<Uint8Array> }>();
  readonly #options: SnpCertificatesOptions;

  constructor(options: SnpCertificatesOptions) {
    this.#options = options;
  }

  get(url: string): Promise<Uint8Array> {
    const known = this.#entries.get(url);
    if (known !== undefined && known.until > this.#options.clock()) return known.answer;
    if (this.#entries.size >= MAX_CACHED) this.#entries.clear();
    const answer = this.#fetch(url);
    this.#entries.set(url, { until: this.#options.clock() + CACHE_MS, answer });
    answer.catch(() => this.#entries.delete(url));
    return answer;
  }

  async #fetch(url: string): Promise<Uint8Array> {
    const { status, body } = await this.#options.client.send({ url, timeoutMs: TIMEOUT_MS, maxBytes: MAX_BYTES });
    if (status === 200) return body;
    throw unavailable('a certificate', [`${new URL(url).host} answered ${status}`]);
  }
}

function unavailable(what: string, reasons: readonly string[]): DependencyError {
  const because = reasons.length === 0 ? 'no source is configured' : reasons.join('; ');
  return new DependencyError('TRUSTEE_CERTIFICATES_UNAVAILABLE', `${what} could not be found: ${because}`, {
    retryable: true,
  });
}
