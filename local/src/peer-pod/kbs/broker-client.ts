import { formatJson, parseJsonObject } from '@holdfast/attestation';
import type { JsonObject, JsonValue } from '@holdfast/attestation';
import { DependencyError, PlatformError, PolicyError, RequestError } from '@holdfast/base';
import type { Clock } from '@holdfast/base';
import type { HttpAnswer, HttpClient } from '@holdfast/http';

import { handshakeFailure, readObject, readRefusal, readText, sessionCookie } from './broker-answer.ts';
import { openReply } from './open-reply.ts';
import { checkResourcePath } from './resource-path.ts';
import { deviceRuntimeData, primaryRuntimeData, runtimeDataDigest, selectedHash } from './runtime-data.ts';
import type { TeeKey } from './tee-key.ts';

/** Where the evidence of a handshake comes from. */
export interface EvidenceSource {
  /** The kind of evidence, as the KBS protocol names it. */
  readonly tee: string;
  /** Evidence that carries `reportData` (a digest). */
  evidence(reportData: Uint8Array): JsonValue;
}

/** A step of the conversation with a broker, for people who watch. Nothing in it is secret. */
export interface BrokerStep {
  readonly step: 'resource' | 'auth' | 'attest';
  readonly status: number;
  /** What the broker said, where it refused. */
  readonly refusal?: string;
}

export interface BrokerClientOptions {
  /** Root of the broker, such as `https://kbs:8080`. */
  readonly url: string;
  readonly http: Pick<HttpClient, 'send'>;
  readonly key: TeeKey;
  readonly source: EvidenceSource;
  /** The initdata document, where the guest passes it on: on bare metal, not in peer pods. */
  readonly initdata?: string;
  readonly clock: Clock;
  readonly wait: (ms: number) => Promise<void>;
  readonly onStep?: (step: BrokerStep) => void;
}

const VERSION = '0.4.0';
const HASHES = ['sha256', 'sha384', 'sha512', 'sm3'];
const RESOURCE_TRIES = 3;
const TOKEN_TRIES = 5;
const TOKEN_PAUSE_MS = 1000;
const CALL_TIMEOUT_MS = 60_000;
/** Longest time for everything that one question of a workload sets off. */
const TOTAL_TIMEOUT_MS = 150_000;
const MAX_ANSWER_BYTES = 8 * 1024 * 1024;

/** A completed handshake. */
interface Session {
  readonly cookie: string;
  readonly token: string;
}

/** The guest's half of the KBS protocol 0.4.0: challenge, evidence, then resources for as long as the broker is content. */
export class BrokerClient {
  readonly #options: BrokerClientOptions;
  readonly #base: string;
  #session: Session | undefined;
  #handshake: Promise<Session> | undefined;

  constructor(options: BrokerClientOptions) {
    this.#options = options;
    this.#base = `${options.url.replace(/\/+$/, '')}/kbs/v0`;
  }

  get key(): TeeKey {
    return this.#options.key;
  }

  /**
   * A resource, opened. The first question of a guest is refused because nobody knows it yet; then it attests itself and
   * asks again, three times in all.
   * @throws RequestError PEER_POD_RESOURCE_PATH_INVALID, PEER_POD_RESOURCE_NOT_FOUND
   * @throws PolicyError PEER_POD_RESOURCE_REFUSED
   * @throws VerificationError PEER_POD_ATTESTATION_REFUSED
   * @throws UnsupportedError PEER_POD_PROTOCOL_UNSUPPORTED
   * @throws MalformedError PEER_POD_BROKER_ANSWER_INVALID, PEER_POD_REPLY_UNREADABLE
   * @throws DependencyError PEER_POD_BROKER_DEADLINE, HTTP_UNREACHABLE, HTTP_TIMEOUT, HTTP_ANSWER_TOO_LARGE
   */
  async getResource(path: string): Promise<Uint8Array> {
    checkResourcePath(path);
    const deadline = this.#deadline();
    let variant = '';
    for (let tries = 1; tries <= RESOURCE_TRIES; tries += 1) {
      const session = this.#session;
      const headers = session === undefined ? {} : { Cookie: session.cookie };
      const answer = await this.#send('resource', { path: `resource/${path}`, headers, deadline });
      if (answer.status === 200) return openReply(answer.body, this.#options.key.privateKey);
      ({ variant } = readRefusal(answer));
      if (answer.status === 404) throw notFound(variant);
      if (tries === RESOURCE_TRIES) break; // nobody would use the session
      // Somebody else may have attested meanwhile.
      if (this.#session === session || this.#handshake !== undefined) await this.#attested(deadline);
    }
    throw new PolicyError('PEER_POD_RESOURCE_REFUSED', 'request unauthorized', {
      details: { variant },
      action: 'Read the log of the key broker: it says which policy refused, and how the evidence was appraised.',
    });
  }

  /**
   * A token of a new handshake, for other parties. A handshake that fails is repeated up to four times, a second apart.
   * @throws the errors of `getResource` about handshakes
   */
  async attest(): Promise<string> {
    const deadline = this.#deadline();
    for (let tries = 1; ; tries += 1) {
      try {
        return (await this.#attested(deadline)).token;
      } catch (error) {
        const isLast = tries === TOKEN_TRIES || (error instanceof PlatformError && error.family === 'unsupported');
        if (isLast) throw error;
        await this.#options.wait(TOKEN_PAUSE_MS);
      }
    }
  }

  /** One handshake at a time: who asks meanwhile gets its result. */
  #attested(deadline: number): Promise<Session> {
    this.#handshake ??= this.#runHandshake(deadline).finally(() => {
      this.#handshake = undefined;
    });
    return this.#handshake;
  }

  async #runHandshake(deadline: number): Promise<Session> {
    this.#session = undefined;
    const { source } = this.#options;
    const request = {
      version: VERSION,
      tee: source.tee,
      'extra-params': { 'supported-hash-algorithms': HASHES },
    };
    const challenge = await this.#send('auth', { path: 'auth', headers: {}, body: JSON.stringify(request), deadline });
    if (challenge.status !== 200) throw handshakeFailure('auth', challenge);
    const cookie = sessionCookie(challenge) ?? '';
    const body = this.#attestation(readText(challenge, 'nonce'), readObject(challenge)['extra-params']);
    const answer = await this.#send('attest', { path: 'attest', headers: { Cookie: cookie }, body, deadline });
    if (answer.status !== 200) throw handshakeFailure('attest', answer);
    const session = { cookie: sessionCookie(answer) ?? cookie, token: readText(answer, 'token') };
    this.#session = session;
    return session;
  }

  #attestation(nonce: string, extraParams: JsonValue | undefined): string {
    const { source, key, initdata } = this.#options;
    // There are no devices beside the CPU here, so their evidence is the empty text.
    const additional = '';
    const digest = runtimeDataDigest(
      primaryRuntimeData({ nonce, jwk: key.jwk }, additional),
      selectedHash(extraParams),
    );
    const attestation: JsonObject = {
      'init-data': initdata === undefined ? null : { format: 'toml', body: initdata },
      'runtime-data': deviceRuntimeData({ nonce, jwk: key.jwk }),
      'tee-evidence': { primary_evidence: source.evidence(digest), additional_evidence: additional },
    };
    return formatJson(attestation);
  }

  async #send(
    step: BrokerStep['step'],
    call: {
      readonly path: string;
      readonly headers: Readonly<Record<string, string>>;
      readonly body?: string;
      readonly deadline: number;
    },
  ): Promise<HttpAnswer> {
    const { http, clock, onStep } = this.#options;
    const left = call.deadline - clock();
    if (left <= 0) throw tooLate();
    const answer = await http.send({
      url: `${this.#base}/${call.path}`,
      method: call.body === undefined ? 'GET' : 'POST',
      headers: call.body === undefined ? call.headers : { ...call.headers, 'Content-Type': 'application/json' },
      ...(call.body === undefined ? {} : { body: call.body }),
      timeoutMs: Math.min(CALL_TIMEOUT_MS, left),
      maxBytes: MAX_ANSWER_BYTES,
    });
    const { status } = answer;
    onStep?.(status === 200 ? { step, status } : { step, status, refusal: refusalText(answer) });
    return answer;
  }

  #deadline(): number {
    return this.#options.clock() + TOTAL_TIMEOUT_MS;
  }
}

/** When a token ends, in milliseconds since the epoch; undefined where it does not say. The signature is for others. */
export function tokenExpiry(token: string): number | undefined {
  try {
    const claims = parseJsonObject(
      Buffer.from(token.split('.')[1] ?? '', 'base64url'),
      'PEER_POD_BROKER_ANSWER_INVALID',
    );
    const { exp } = claims;
    return typeof exp === 'number' ? exp * 1000 : undefined;
  } catch {
    return undefined; // no JWT that can be read: whoever uses it will say so
  }
}

function refusalText(answer: HttpAnswer): string {
  try {
    const { variant, detail } = readRefusal(answer);
    return `${variant}: ${detail}`;
  } catch {
    return 'no answer of a key broker'; // the caller throws what is wrong with it
  }
}

function notFound(variant: string): RequestError {
  return new RequestError('PEER_POD_RESOURCE_NOT_FOUND', 'the key broker serves no resources there', {
    details: { variant },
    action: 'Check the address, and that the broker is configured with the plugin resource.',
  });
}

function tooLate(): DependencyError {
  return new DependencyError('PEER_POD_BROKER_DEADLINE', 'the key broker did not complete its answers in time', {
    retryable: true,
    details: { timeoutMs: TOTAL_TIMEOUT_MS },
  });
}
