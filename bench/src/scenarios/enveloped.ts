import { Buffer } from 'node:buffer';

import type { Clock, RandomBytes, Secret } from '@holdfast/base';
import { errorMessage } from '@holdfast/base';
import { decodeResponseEnvelope, isJsonObject } from '@holdfast/uid2';
import type { JsonObject, prepareSecret } from '@holdfast/uid2';

import { BodyPool } from '../body-pool.ts';
import type { SealedBody } from '../body-pool.ts';
import type { Exchange } from '../connection.ts';
import { replyInvalid, sendFirst } from './scenario.ts';
import type { Scenario, Send, Session } from './scenario.ts';

/** Who calls, and how. */
export interface Caller {
  readonly apiKey: Secret;
  readonly secret: ReturnType<typeof prepareSecret>;
  /** `application/octet-stream` both ways, rather than Base64 text. */
  readonly binary: boolean;
  /** What stands before the paths of the API; usually nothing. */
  readonly pathPrefix: string;
  readonly clock: Clock;
  readonly random: RandomBytes;
}

export interface EnvelopedScenarioOptions {
  readonly caller: Caller;
  readonly path: string;
  readonly entriesPerRequest: number;
  /** Number of different payloads. */
  readonly payloads: number;
  readonly payload: (index: number) => string;
  /** What is wrong with the `body` of a successful reply, if anything. */
  readonly problemOf: (body: JsonObject) => string | undefined;
}

/** Requests and replies in the version 2 envelope, with request bodies from a pool that all connections share. */
export class EnvelopedScenario implements Scenario {
  readonly entriesPerRequest: number;
  readonly #options: EnvelopedScenarioOptions;
  readonly #pool: BodyPool;
  readonly #path: string;
  readonly #headers: readonly string[];

  constructor(options: EnvelopedScenarioOptions) {
    const { caller, payloads: size, payload } = options;
    this.entriesPerRequest = options.entriesPerRequest;
    this.#options = options;
    this.#pool = new BodyPool({ ...caller, size, payload });
    this.#path = `${caller.pathPrefix}${options.path}`;
    this.#headers = callerHeaders(caller);
  }

  openSession(): Session {
    return {
      readsReplies: false,
      prepare: async (send) => (await this.call(send)).length,
      next: () => this.#exchange(this.#pool.take()),
      accept: () => {},
    };
  }

  /** One request whose reply is decrypted and checked: its `body`, and the length of the reply as it was sent. */
  async call(send: Send): Promise<{ readonly body: JsonObject; readonly length: number }> {
    const { caller, problemOf } = this.#options;
    const sealed = this.#pool.take();
    const reply = await sendFirst(send, this.#exchange(sealed));
    let payload: JsonObject;
    try {
      const bytes = caller.binary ? reply.body : Buffer.from(reply.body.toString('latin1'), 'base64');
      payload = decodeResponseEnvelope(bytes, caller.secret, sealed.nonce).payload;
    } catch (cause) {
      throw replyInvalid(this.#path, errorMessage(cause), cause);
    }
    const body = successBody(this.#path, payload);
    const problem = problemOf(body);
    if (problem !== undefined) throw replyInvalid(this.#path, problem);
    return { body, length: reply.length };
  }

  #exchange(sealed: SealedBody): Exchange {
    return { method: 'POST', path: this.#path, headers: this.#headers, body: sealed.bytes };
  }
}

export function callerHeaders(caller: Caller): readonly string[] {
  return [
    'authorization',
    `Bearer ${caller.apiKey.reveal()}`,
    'content-type',
    caller.binary ? 'application/octet-stream' : 'text/plain',
  ];
}

/**
 * The `body` of a reply that says success.
 * @throws VerificationError BENCH_REPLY_INVALID
 */
export function successBody(path: string, payload: JsonObject): JsonObject {
  const { status, body } = payload;
  if (status !== 'success') throw replyInvalid(path, `the reply says ${JSON.stringify(status)}, not success`);
  if (!isJsonObject(body)) throw replyInvalid(path, 'the reply has no body');
  return body;
}
