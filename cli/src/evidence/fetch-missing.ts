import {
  certificateChainPath,
  commonName,
  isJsonObject,
  member,
  parseCertificates,
  parseJsonObject,
  parseRevocationList,
  parseSnpReport,
  productFromCpuid,
  revocationListPath,
  vcekPath,
} from '@holdfast/attestation';
import type { Certificate, RevocationList, SnpKeyKind, SnpProduct, SnpReport } from '@holdfast/attestation';
import { DependencyError, fromBase64Url, RequestError } from '@holdfast/base';
import { HttpClient } from '@holdfast/http';

const KEY_SERVICE = 'https://kdsintf.amd.com';
const TIMEOUT_MS = 30_000;
const MAX_BYTES = 1024 * 1024;

/** What `--fetch` brings for a report. */
export interface FetchedForReport {
  /** The VCEK, when it was missing. */
  readonly leaf: readonly Certificate[];
  /** ASK or ASVK, and ARK. */
  readonly issuers: readonly Certificate[];
  readonly lists: readonly RevocationList[];
}

/** Fetches what evidence lacks. HOLDFAST_AMD_KEY_SERVICE names another address than AMD's, such as a mirror. */
export class MissingParts {
  readonly #client = new HttpClient();
  readonly #keyService: string;

  constructor(env: Readonly<Record<string, string | undefined>>) {
    const address = env['HOLDFAST_AMD_KEY_SERVICE'] ?? '';
    this.#keyService = (address === '' ? KEY_SERVICE : address).replace(/\/+$/, '');
  }

  /**
   * The VCEK when `certificates` holds none, the issuers, and the revocation list of the processor line.
   * @throws DependencyError EVIDENCE_FETCH_FAILED, HTTP_UNREACHABLE, HTTP_TIMEOUT, HTTP_ANSWER_TOO_LARGE
   */
  async forReport(report: Uint8Array, certificates: readonly Certificate[]): Promise<FetchedForReport> {
    const parsed = parseSnpReport(report);
    const leaf = certificates.find((certificate) => /^SEV-V[CL]EK$/.test(commonName(certificate.subject) ?? ''));
    const product = productOf(parsed, leaf);
    const kind: SnpKeyKind = parsed.signingKey === 'vlek' ? 'vlek' : 'vcek';
    const missing = leaf === undefined && kind === 'vcek';
    return {
      leaf: missing ? await this.#certificates(vcekPath(product, parsed.chipId, parsed.reportedTcb)) : [],
      issuers: await this.#certificates(certificateChainPath(product, kind)),
      lists: [parseRevocationList(await this.#get(`${this.#keyService}${revocationListPath(product, kind)}`))],
    };
  }

  /**
   * The key set of the issuer that a token names. The issuer is only what the token claims: the caller shows it.
   * @throws RequestError EVIDENCE_ISSUER_UNSUITABLE when it is no https address
   * @throws DependencyError as `forReport`
   */
  async keySetFor(token: string): Promise<Uint8Array> {
    const claims = parseJsonObject(fromBase64Url(token.split('.')[1] ?? ''), 'EVIDENCE_UNRECOGNISED');
    const issuer = isJsonObject(claims) ? member(claims, 'iss') : undefined;
    if (typeof issuer !== 'string' || !isSuitable(issuer)) {
      throw new RequestError('EVIDENCE_ISSUER_UNSUITABLE', 'the token names no https address as its issuer', {
        action: "Give the issuer's key set as another file.",
      });
    }
    return this.#get(`${issuer}/certs`);
  }

  close(): Promise<void> {
    return this.#client.close();
  }

  async #certificates(path: string): Promise<readonly Certificate[]> {
    return parseCertificates(await this.#get(`${this.#keyService}${path}`));
  }

  async #get(url: string): Promise<Uint8Array> {
    const { status, body } = await this.#client.send({ url, timeoutMs: TIMEOUT_MS, maxBytes: MAX_BYTES });
    if (status === 200) return new Uint8Array(body);
    const { origin } = new URL(url);
    throw new DependencyError('EVIDENCE_FETCH_FAILED', `${origin} answered ${status} for ${new URL(url).pathname}`, {
      retryable: status === 429 || status >= 500,
      action:
        status === 429
          ? "AMD's key service answers one request in about ten seconds: try again."
          : 'Check that the evidence names the right chip and TCB.',
    });
  }
}

function productOf(report: SnpReport, leaf: Certificate | undefined): SnpProduct {
  if (report.cpuid !== undefined) {
    const product = productFromCpuid(report.cpuid);
    if (product !== undefined) return product;
  }
  const issuer = leaf === undefined ? '' : (commonName(leaf.issuer) ?? '');
  const named = (['Milan', 'Genoa', 'Turin'] as const).find((product) => issuer.endsWith(`-${product}`));
  // A version 2 report names no processor: without a certificate the line that made most of them is tried.
  return named ?? 'Milan';
}

/** https, or http on this machine; no credentials, query or fragment, since `/certs` is appended. */
function isSuitable(issuer: string): boolean {
  const url = URL.canParse(issuer) ? new URL(issuer) : undefined;
  if (url === undefined || /[@?#]/.test(issuer)) return false;
  return (
    url.protocol === 'https:' ||
    (url.protocol === 'http:' && ['127.0.0.1', '[::1]', 'localhost'].includes(url.hostname))
  );
}
