import { DependencyError, errorMessage, fromUtf8, toBase64, toUtf8, VerificationError } from '@holdfast/base';
import type { Secret } from '@holdfast/base';
import { HttpClient } from '@holdfast/http';
import type { HttpAnswer } from '@holdfast/http';

import { appVersionHeader } from './application.ts';
import type { Application } from './application.ts';
import { parseAttestAnswer } from './attest-answer.ts';
import type { Attestation } from './attest-answer.ts';
import { generateAttestationKeys } from './attestation-keys.ts';
import type { AttestationKeys } from './attestation-keys.ts';
import { Downloader } from './download.ts';
import type { ChunkTaker } from './download.ts';
import type { EvidenceSource } from './evidence.ts';
import { systemTimers } from './timers.ts';
import type { Timers } from './timers.ts';

/** How one attestation attempt that reached the network ended. Evidence that could not be had is not among them. */
export type AttestOutcome =
  /** Core answered 200, whatever its body. */
  | { readonly result: 'success'; readonly status: 200 }
  /** 401 or 403: the key or the evidence is definitely not accepted. */
  | { readonly result: 'refused'; readonly status: 401 | 403; readonly body: string }
  /** Any other status. */
  | { readonly result: 'failed'; readonly status: number; readonly body: string }
  /** No HTTP answer. */
  | { readonly result: 'unreachable'; readonly reason: string };

export interface CoreSessionOptions {
  /** Full URL of `POST /attest`. It is also the user data that the evidence is bound to. */
  readonly attestUrl: string;
  readonly operatorKey: Secret;
  readonly evidence: EvidenceSource;
  readonly application: Application;
  /** Must equal the type of the operator's record at Core. */
  readonly operatorType: 'public' | 'private';
  /** Value of `UID-Instance-Id`, chosen once per process. */
  readonly instanceId: string;
  /** Whether this process can decrypt cloud files; adds `Encrypted: true` to calls of Core. */
  readonly encryptedFiles?: boolean;
  readonly timers?: Timers;
  /** Keys for the first attempt and no other, made while something else was waited for; made then when missing. */
  readonly firstKeys?: Promise<AttestationKeys>;
  /** Sees every outcome before the answer's body is read: the basis of the shutdown rules. */
  readonly onAttestOutcome?: (outcome: AttestOutcome) => void;
  /** Sees why a renewal by the timer failed; it is tried again a minute later. */
  readonly onRenewalFailure?: (error: unknown) => void;
  readonly timeouts?: Partial<CoreTimeouts>;
}

/** Deadlines in milliseconds, each from the call to the last byte. */
export interface CoreTimeouts {
  readonly attest: number;
  readonly metadata: number;
  readonly content: number;
}

/** What is known about the attestation, for status pages and metrics. Times in milliseconds since the epoch. */
export interface SessionState {
  readonly attested: boolean;
  readonly expiresAtMs: number | undefined;
  readonly lastSuccessAtMs: number | undefined;
  readonly lastAttemptAtMs: number | undefined;
  /** Why the last attempt failed; undefined when it succeeded or none was made. */
  readonly lastError: string | undefined;
}

const DEFAULT_TIMEOUTS: CoreTimeouts = { attest: 30_000, metadata: 30_000, content: 300_000 };
const RENEWAL_CHECK_MS = 60_000;
const RENEW_BEFORE_MS = 600_000;
const MAX_METADATA_BYTES = 64 * 1024 * 1024;
const MAX_CONTENT_BYTES = 1024 * 1024 * 1024;

const ownMemory = (length: number): Uint8Array => new Uint8Array(length);

/**
 * One process's standing with UID2 Core: it attests when first needed, keeps token, JWTs and the Opt-Out address, renews
 * them before they expire, and makes the authenticated downloads. Attempts are single-flight: whoever needs attestation
 * while one is under way waits for that one.
 */
export class CoreSession {
  readonly #options: CoreSessionOptions;
  readonly #timers: Timers;
  readonly #timeouts: CoreTimeouts;
  readonly #http = new HttpClient();
  readonly #downloader = new Downloader();
  #firstKeys: Promise<AttestationKeys> | undefined;
  #attestation: Attestation | undefined;
  #attesting: Promise<void> | undefined;
  #cancelRenewal: (() => void) | undefined;
  #closed = false;
  #lastSuccessAtMs: number | undefined;
  #lastAttemptAtMs: number | undefined;
  #lastError: string | undefined;

  constructor(options: CoreSessionOptions) {
    this.#options = options;
    this.#timers = options.timers ?? systemTimers;
    this.#firstKeys = options.firstKeys;
    this.#timeouts = { ...DEFAULT_TIMEOUTS, ...options.timeouts };
  }

  /** Whether there is a token that has not expired. */
  get attested(): boolean {
    return this.#attestation !== undefined && this.#timers.now() < this.#attestation.expiresAtMs;
  }

  get state(): SessionState {
    return {
      attested: this.attested,
      expiresAtMs: this.#attestation?.expiresAtMs,
      lastSuccessAtMs: this.#lastSuccessAtMs,
      lastAttemptAtMs: this.#lastAttemptAtMs,
      lastError: this.#lastError,
    };
  }

  /** Base URL of the Opt-Out service as Core named it, once attested. */
  get optOutUrl(): string | undefined {
    return this.#attestation?.optOutUrl;
  }

  /**
   * Attests now, with a key pair made for this attempt. After the first success the expiry is checked every 60 s, and
   * from 10 minutes before it attestation is renewed.
   * @throws DependencyError EVIDENCE_NOT_READY, SKR_UNREACHABLE, SKR_REFUSED: nothing was sent to Core
   * @throws VerificationError CORE_ATTEST_REFUSED on 401 and 403
   * @throws DependencyError CORE_ATTEST_FAILED on any other status than 200 · CORE_UNREACHABLE without an answer
   * @throws MalformedError CORE_ANSWER_INVALID on a 200 without usable token and expiry
   */
  async attest(): Promise<void> {
    this.#attesting ??= this.#attestOnce().finally(() => {
      this.#attesting = undefined;
    });
    return this.#attesting;
  }

  /** Attests unless there is a valid token. Errors as `attest`. */
  async ensureAttested(): Promise<void> {
    if (!this.attested) await this.attest();
  }

  /**
   * The text behind an authenticated URL of Core (store metadata, cloud keys, runtime configuration), as JSON that is not
   * parsed yet. A 401 here is an ordinary failure: it neither attests again nor ends anything.
   * @throws what `attest` throws · DependencyError CORE_DOWNLOAD_FAILED · MalformedError ENCODING_UTF8_INVALID
   */
  async downloadMetadata(url: string): Promise<string> {
    await this.ensureAttested();
    return this.#downloadText(url, {
      ...this.#identifyingHeaders(this.#attestation?.coreJwt),
      ...(this.#options.encryptedFiles === true ? { Encrypted: 'true' } : {}),
    });
  }

  /**
   * The JSON text of the Opt-Out service's list. `path` is resolved against the address from Core; an absolute URL replaces
   * it. A failure is thrown: it is never an empty list.
   * @throws what `downloadMetadata` throws · DependencyError OPTOUT_URL_UNKNOWN
   */
  async downloadOptOutList(path: string): Promise<string> {
    await this.ensureAttested();
    return this.#downloadText(this.resolveAtOptOut(path), this.#identifyingHeaders(this.#attestation?.optOutJwt));
  }

  /**
   * A path at the Opt-Out address that Core named; an absolute URL stands for itself.
   * @throws DependencyError OPTOUT_URL_UNKNOWN before the first attestation, or when Core names no address
   */
  resolveAtOptOut(path: string): string {
    const base = this.#attestation?.optOutUrl;
    if (URL.canParse(path)) return path;
    if (base === undefined || !URL.canParse(path, base)) {
      throw new DependencyError('OPTOUT_URL_UNKNOWN', 'Core did not say where the Opt-Out service is', {
        retryable: true,
        action: 'Configure optout_url at Core, or an absolute optout_metadata_path here.',
      });
    }
    return new URL(path, base).href;
  }

  /**
   * Streams the data behind a signed link, without any header that identifies this process. Any 2xx status is good.
   * @throws DependencyError CORE_DOWNLOAD_FAILED, CORE_CONTENT_TOO_LARGE · UnsupportedError CORE_LOCATION_UNSUPPORTED
   */
  async streamContent(location: string, onChunk: ChunkTaker, maxBytes: number = MAX_CONTENT_BYTES): Promise<void> {
    const options = { timeoutMs: this.#timeouts.content, maxBytes, anySuccess: true };
    await this.#downloader.stream(location, options, onChunk);
  }

  /** The whole data behind a signed link. Errors as `streamContent`. */
  async downloadContent(location: string, maxBytes: number = MAX_CONTENT_BYTES): Promise<Uint8Array> {
    return this.#downloadContent(location, maxBytes, ownMemory);
  }

  /** `downloadContent` into memory that threads can share. Errors as `streamContent`. */
  async downloadSharedContent(
    location: string,
    maxBytes: number = MAX_CONTENT_BYTES,
  ): Promise<Uint8Array<SharedArrayBuffer>> {
    return this.#downloadContent(location, maxBytes, (length) => new Uint8Array(new SharedArrayBuffer(length)));
  }

  async #downloadContent<T extends Uint8Array>(
    location: string,
    maxBytes: number,
    allocate: (length: number) => T,
  ): Promise<T> {
    const options = { timeoutMs: this.#timeouts.content, maxBytes, anySuccess: true };
    return this.#downloader.bytes(location, options, allocate);
  }

  /** Stops renewal and ends all calls under way. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelRenewal?.();
    await Promise.all([this.#http.close(), this.#downloader.close(), this.#options.evidence.close?.()]);
  }

  async #attestOnce(): Promise<void> {
    this.#lastAttemptAtMs = this.#timers.now();
    try {
      const keys = this.#firstKeys ?? generateAttestationKeys();
      this.#firstKeys = undefined;
      const { publicKey, privateKey } = await keys;
      const answer = await this.#requestAttestation(publicKey.export({ type: 'spki', format: 'der' }));
      const next = parseAttestAnswer(answer.body, privateKey);
      this.#attestation = {
        ...next,
        coreJwt: next.coreJwt ?? this.#attestation?.coreJwt,
        optOutJwt: next.optOutJwt ?? this.#attestation?.optOutJwt,
        optOutUrl: next.optOutUrl ?? this.#attestation?.optOutUrl,
      };
    } catch (error) {
      this.#lastError = errorMessage(error);
      throw error;
    }
    this.#lastError = undefined;
    this.#lastSuccessAtMs = this.#timers.now();
    if (this.#cancelRenewal === undefined && !this.#closed) this.#planRenewalCheck();
  }

  async #requestAttestation(publicKey: Uint8Array): Promise<HttpAnswer> {
    const { attestUrl, evidence, application, operatorType } = this.#options;
    if (!evidence.ready()) {
      throw new DependencyError('EVIDENCE_NOT_READY', 'attestation provider is not ready', { retryable: true });
    }
    const proof = await evidence.evidence(publicKey, toUtf8(attestUrl));
    const body = JSON.stringify({
      attestation_request: toBase64(proof),
      public_key: toBase64(publicKey),
      application_name: application.name,
      application_version: application.version,
      operator_type: operatorType,
      components: application.components,
    });
    const answer = await this.#post(attestUrl, body);
    const outcome = classify(answer);
    this.#options.onAttestOutcome?.(outcome);
    if (outcome.result === 'success') return answer;
    throw attestError(outcome);
  }

  async #post(url: string, body: string): Promise<HttpAnswer> {
    try {
      return await this.#http.send({
        method: 'POST',
        url,
        headers: {
          'Content-Type': 'application/json',
          Authorization: `Bearer ${this.#options.operatorKey.reveal()}`,
          'X-UID2-AppVersion': appVersionHeader(this.#options.application),
          'UID-Instance-Id': this.#options.instanceId,
        },
        body,
        timeoutMs: this.#timeouts.attest,
        maxBytes: 1024 * 1024,
      });
    } catch (cause) {
      const reason = errorMessage(cause);
      if (!this.#closed) this.#options.onAttestOutcome?.({ result: 'unreachable', reason });
      throw new DependencyError('CORE_UNREACHABLE', `Core gave no answer to the attestation request: ${reason}`, {
        retryable: true,
        cause,
        action: 'Check DNS, outbound port 443 and the configured address of Core.',
      });
    }
  }

  #planRenewalCheck(): void {
    this.#cancelRenewal = this.#timers.after(RENEWAL_CHECK_MS, () => {
      void this.#renewIfDue().finally(() => {
        if (!this.#closed) this.#planRenewalCheck();
      });
    });
  }

  async #renewIfDue(): Promise<void> {
    const expiresAtMs = this.#attestation?.expiresAtMs ?? 0;
    if (this.#timers.now() <= expiresAtMs - RENEW_BEFORE_MS || !this.#options.evidence.ready()) return;
    try {
      await this.attest();
    } catch (error) {
      if (!this.#closed) this.#options.onRenewalFailure?.(error);
    }
  }

  #identifyingHeaders(jwt: Secret | undefined): Record<string, string> {
    const token = this.#attestation?.token;
    return {
      'X-UID2-AppVersion': appVersionHeader(this.#options.application),
      Authorization: `Bearer ${this.#options.operatorKey.reveal()}`,
      'UID-Instance-Id': this.#options.instanceId,
      ...(token === undefined ? {} : { 'Attestation-Token': token.reveal() }),
      ...(jwt === undefined ? {} : { 'Attestation-JWT': jwt.reveal() }),
    };
  }

  async #downloadText(url: string, headers: Record<string, string>): Promise<string> {
    const options = { headers, timeoutMs: this.#timeouts.metadata, maxBytes: MAX_METADATA_BYTES, anySuccess: false };
    return fromUtf8(await this.#downloader.bytes(url, options, ownMemory));
  }
}

type AnsweredOutcome = Exclude<AttestOutcome, { readonly result: 'unreachable' }>;

function classify(answer: HttpAnswer): AnsweredOutcome {
  const { status } = answer;
  if (status === 200) return { result: 'success', status };
  const body = Buffer.from(answer.body).toString('utf8').slice(0, 1000);
  // The reference overlooks refusals with an empty body; letting go at once is the point of the rule, so this does not.
  if (status === 401 || status === 403) return { result: 'refused', status, body };
  return { result: 'failed', status, body };
}

function attestError(outcome: Exclude<AnsweredOutcome, { readonly result: 'success' }>): Error {
  const details = { status: outcome.status, body: outcome.body };
  if (outcome.result === 'refused') {
    return new VerificationError(
      'CORE_ATTEST_REFUSED',
      'AttestationResponseCode: AttestationFailure, Non-success response from Core on attest',
      {
        details,
        action: 'Check that the operator key is enabled and that this release is on the allow-list of Core.',
      },
    );
  }
  return new DependencyError(
    'CORE_ATTEST_FAILED',
    'AttestationResponseCode: RetryableFailure, Non-success response from Core on attest',
    { retryable: true, details, action: 'Wait for Core to recover; attestation is tried again.' },
  );
}
