import { DependencyError, errorMessage, MalformedError, toBase64, toUtf8 } from '@holdfast/base';
import { HttpClient } from '@holdfast/http';

/** Where evidence comes from: what convinces Core that the holder of a public key runs in a trusted place. */
export interface EvidenceSource {
  /** Whether evidence can be asked for now; while false no attestation is tried. */
  ready(): boolean;
  /**
   * Evidence bound to the public key and to the place it is meant for.
   * @param publicKey X.509 SubjectPublicKeyInfo, DER
   * @param userData the attest URL as UTF-8
   */
  evidence(publicKey: Uint8Array, userData: Uint8Array): Promise<Uint8Array>;
  /** The digest of the policy this process runs under, as the latest evidence states it: lower-case hex. For status only. */
  hostData?(): string | undefined;
  close?(): Promise<void>;
}

/** The evidence of an operator whose key Core trusts without any: one zero byte. */
export function trustedEvidence(): EvidenceSource {
  return { ready: () => true, evidence: () => Promise.resolve(Uint8Array.of(0)) };
}

export interface AzureCcEvidenceOptions {
  /** Base address of the attestation sidecar, `http://localhost:9000` in a pod. */
  readonly sidecarUrl: string;
  /** URL or bare host (with optional port) of the attestation service. */
  readonly maaEndpoint: string;
  readonly http?: HttpClient;
  /** Longest wait for the sidecar, which itself waits for the attestation service; in milliseconds. */
  readonly timeoutMs?: number;
}

const MAX_ANSWER_BYTES = 1024 * 1024;

/**
 * Evidence of a confidential container on Azure: the sidecar in the same pod puts a hash of the runtime data into an SNP
 * report and exchanges it for a token of the attestation service. The evidence is the token's ASCII text.
 * @throws DependencyError SKR_UNREACHABLE, SKR_REFUSED · MalformedError SKR_ANSWER_INVALID
 */
export function azureCcEvidence(options: AzureCcEvidenceOptions): EvidenceSource {
  const http = options.http ?? new HttpClient();
  const url = `${options.sidecarUrl.replace(/\/+$/, '')}/attest/maa`;
  const maaEndpoint = hostOf(options.maaEndpoint);
  let hostData: string | undefined;
  return {
    ready: () => true,
    async evidence(publicKey, userData) {
      const runtimeData = toBase64(toUtf8(azureRuntimeData(publicKey, userData)));
      const body = JSON.stringify({ maa_endpoint: maaEndpoint, runtime_data: runtimeData });
      const token = await requestToken(http, url, body, options.timeoutMs ?? 60_000);
      hostData = hostDataOf(token);
      return toUtf8(token);
    },
    hostData: () => hostData,
    close: () => http.close(),
  };
}

/**
 * The JSON text whose SHA-256 becomes the report data. Members stand in the order of the reference operator, which also
 * writes the padding of Base64 as an escape; the attestation service parses the JSON, but the hash is over these bytes.
 */
export function azureRuntimeData(publicKey: Uint8Array, userData: Uint8Array): string {
  const json = JSON.stringify({
    location: 'East US', // a constant of the reference: it never looks the region up
    publicKey: toBase64(publicKey),
    attestationUrl: toBase64(userData),
  });
  return json.replaceAll('=', String.raw`\u003d`);
}

async function requestToken(http: HttpClient, url: string, body: string, timeoutMs: number): Promise<string> {
  let status: number;
  let text: string;
  try {
    const answer = await http.send({
      method: 'POST',
      url,
      headers: { 'Content-Type': 'application/json' },
      body,
      timeoutMs,
      maxBytes: MAX_ANSWER_BYTES,
    });
    status = answer.status;
    text = Buffer.from(answer.body).toString('utf8');
  } catch (cause) {
    throw new DependencyError('SKR_UNREACHABLE', `failed to access Skr API: ${errorMessage(cause)}`, {
      retryable: true,
      cause,
      action: 'Check that the attestation sidecar runs in the same pod and listens on the configured address.',
    });
  }
  if (status !== 200) {
    throw new DependencyError('SKR_REFUSED', `Skr failed with status code: ${status} body: ${text.slice(0, 500)}`, {
      retryable: true,
      details: { status },
      action: 'Read the log of the attestation sidecar.',
    });
  }
  return tokenOf(text);
}

function tokenOf(text: string): string {
  let answer: unknown;
  try {
    answer = text === '' ? null : (JSON.parse(text) as unknown);
  } catch (cause) {
    throw new MalformedError('SKR_ANSWER_INVALID', 'the Skr response is not JSON', { cause });
  }
  if (answer === null) throw new MalformedError('SKR_ANSWER_INVALID', 'response is null');
  const token = typeof answer === 'object' ? (answer as { token?: unknown }).token : undefined;
  if (typeof token !== 'string' || token === '') {
    throw new MalformedError('SKR_ANSWER_INVALID', 'token field not exist in Skr response');
  }
  return token;
}

function hostOf(endpoint: string): string {
  return endpoint.includes('://') ? new URL(endpoint).host : endpoint;
}

/** The host data claim, unverified: only whoever relies on the token has to verify it. */
function hostDataOf(token: string): string | undefined {
  try {
    const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8')) as unknown;
    const hostData = (claims as Record<string, unknown> | null)?.['x-ms-sevsnpvm-hostdata'];
    return typeof hostData === 'string' && /^[0-9a-f]{64}$/.test(hostData) ? hostData : undefined;
  } catch {
    return undefined; // Core judges the token; status merely has nothing to show
  }
}
