import { Buffer } from 'node:buffer';

import { errorMessage, fromBase64 } from '@holdfast/base';
import { decodeRefreshResponse, prepareSecret, textMember } from '@holdfast/uid2';
import type { DiiKind, JsonObject } from '@holdfast/uid2';

import type { Exchange } from '../connection.ts';
import { callerHeaders, successBody } from './enveloped.ts';
import type { Caller, EnvelopedScenario } from './enveloped.ts';
import { replyInvalid, sendFirst } from './scenario.ts';
import type { Scenario, Send, Session } from './scenario.ts';
import { tokenGenerate, tokenProblem } from './token-generate.ts';

const PATH = '/v2/token/refresh';
/** One token per connection is made; more users than that would only take time to seal. */
const USERS = 64;

/**
 * `POST /v2/token/refresh`: each connection gets a token, then refreshes with the newest refresh token it was given. So every
 * reply is decrypted, after its latency was taken.
 */
export class TokenRefreshScenario implements Scenario {
  readonly entriesPerRequest = 1;
  readonly #caller: Caller;
  readonly #generate: EnvelopedScenario;

  constructor(caller: Caller, kind: DiiKind) {
    this.#caller = caller;
    this.#generate = tokenGenerate(caller, kind, USERS);
  }

  openSession(): Session {
    return new RefreshSession(this.#caller, this.#generate);
  }
}

class RefreshSession implements Session {
  readonly readsReplies = true;
  readonly #caller: Caller;
  readonly #generate: EnvelopedScenario;
  readonly #path: string;
  readonly #headers: readonly string[];
  #refreshToken = '';
  #responseKey = '';

  constructor(caller: Caller, generate: EnvelopedScenario) {
    this.#caller = caller;
    this.#generate = generate;
    this.#path = `${caller.pathPrefix}${PATH}`;
    this.#headers = callerHeaders(caller);
  }

  async prepare(send: Send): Promise<number> {
    this.#adopt((await this.#generate.call(send)).body);
    const reply = await sendFirst(send, this.next());
    this.accept(reply.body);
    return reply.length;
  }

  next(): Exchange {
    return { method: 'POST', path: this.#path, headers: this.#headers, body: this.#refreshToken };
  }

  accept(body: Uint8Array): void {
    let payload: JsonObject;
    try {
      const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
      const sealed = this.#caller.binary ? body : Buffer.from(text.toString('latin1'), 'base64');
      payload = decodeRefreshResponse(sealed, prepareSecret(fromBase64(this.#responseKey))).payload;
    } catch (cause) {
      throw replyInvalid(this.#path, errorMessage(cause), cause);
    }
    const tokens = successBody(this.#path, payload);
    const problem = tokenProblem(tokens);
    if (problem !== undefined) throw replyInvalid(this.#path, problem);
    this.#adopt(tokens);
  }

  #adopt(tokens: JsonObject): void {
    this.#refreshToken = textMember(tokens, 'refresh_token') ?? '';
    this.#responseKey = textMember(tokens, 'refresh_response_key') ?? '';
  }
}
