import type { PipelineResponse } from '@azure/core-rest-pipeline';
import type { Clock } from '@holdfast/base';
import type { JsonObject, JsonValue } from '@holdfast/deployment';

import { untilAborted } from '../until-aborted.ts';
import type { AnswerLog, CallRecord, CapturedAnswer } from './answer-log.ts';
import { bodyOf } from './answer-log.ts';
import { azureError, refusal, unusable } from './azure-error.ts';
import { isObject } from './azure-problem.ts';
import type { Sdk } from './sdk.ts';

/** An answer of any status, whole. */
export interface WireAnswer extends CapturedAnswer {
  /** Of the request, after redirection by nobody. */
  readonly url: string;
  header(name: string): string | undefined;
}

export interface WireRequest {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  /** A path from `/subscriptions/` or `/providers/` on, or an absolute URL of the endpoint. */
  readonly path: string;
  /** Undefined for URLs that came from Azure and are followed as they are. */
  readonly apiVersion: string | undefined;
  readonly query?: Readonly<Record<string, string>> | undefined;
  readonly body?: JsonObject | undefined;
  readonly signal: AbortSignal | undefined;
}

const MAX_PAGES = 1_000;

/**
 * Requests to Azure Resource Manager through the pipeline of the official SDK, without its models: those lose every field
 * that they do not know, on reads and on writes.
 */
export class Wire {
  readonly #sdk: () => Promise<Sdk>;
  readonly #log: AnswerLog;
  readonly #endpoint: URL;
  readonly clock: Clock;
  readonly pollIntervalMs: number;

  constructor(parts: {
    readonly sdk: () => Promise<Sdk>;
    readonly log: AnswerLog;
    readonly endpoint: string;
    readonly clock: Clock;
    readonly pollIntervalMs: number;
  }) {
    this.#sdk = parts.sdk;
    this.#log = parts.log;
    this.#endpoint = new URL(parts.endpoint);
    this.clock = parts.clock;
    this.pollIntervalMs = parts.pollIntervalMs;
  }

  /** The answer, whatever its status. Throws AzureError when none arrives. */
  async send(request: WireRequest): Promise<WireAnswer> {
    const url = this.urlOf(request);
    const { method, signal } = request;
    const doing = `${method} ${url.pathname}`;
    const record: CallRecord = { answer: undefined };
    try {
      signal?.throwIfAborted();
      const sdk = await this.#sdk();
      const body = request.body === undefined ? undefined : JSON.stringify(request.body);
      const sending = this.#log.run(record, () => sdk.send({ method, url: url.href, body, signal }));
      return answerOf(await (signal === undefined ? sending : untilAborted(sending, signal)), url);
    } catch (thrown) {
      throw azureError(thrown, { answer: record.answer, signal, doing });
    }
  }

  /** The answer if its status is success. Throws AzureError otherwise. */
  async succeed(request: WireRequest): Promise<WireAnswer> {
    const answer = await this.send(request);
    if (answer.status < 200 || answer.status > 299) throw this.refused(answer, request.method);
    return answer;
  }

  /** The error for an answer that is not success. */
  refused(answer: WireAnswer, method: string): Error {
    return refusal(answer.status, answer, undefined, { doing: `${method} ${new URL(answer.url).pathname}` });
  }

  /** The object that a resource is; undefined when there is none. */
  async read(path: string, apiVersion: string, signal: AbortSignal | undefined): Promise<JsonObject | undefined> {
    const answer = await this.send({ method: 'GET', path, apiVersion, signal });
    if (answer.status === 404) return undefined;
    if (answer.status < 200 || answer.status > 299) throw this.refused(answer, 'GET');
    return objectOf(answer);
  }

  /** All pages of a list. */
  async list(request: Omit<WireRequest, 'method' | 'body'>): Promise<readonly JsonObject[]> {
    const items: JsonObject[] = [];
    let next: WireRequest = { ...request, method: 'GET' };
    for (let page = 0; page < MAX_PAGES; page += 1) {
      const answer = await this.succeed(next);
      const body = objectOf(answer);
      // Kubernetes versions come as `values`; everything else as `value`.
      const values = body['value'] ?? body['values'];
      const doing = `GET ${new URL(answer.url).pathname}`;
      if (!Array.isArray(values)) throw unusable(doing, 'a list without value');
      for (const value of values as readonly JsonValue[]) {
        if (!isObject(value)) throw unusable(doing, 'an entry of a list that is no object');
        items.push(value);
      }
      const link = body['nextLink'];
      if (typeof link !== 'string' || link === '') return items;
      next = { method: 'GET', path: link, apiVersion: undefined, signal: request.signal };
    }
    throw unusable(`GET ${request.path}`, `a list of more than ${MAX_PAGES} pages`);
  }

  /**
   * The URL of a request. Absolute ones are followed only to the endpoint and hosts under it: requests carry a token.
   * A double slash in front is collapsed, since a URL parser would take the first segment for a host.
   */
  urlOf({ path, apiVersion, query }: Pick<WireRequest, 'path' | 'apiVersion' | 'query'>): URL {
    if (/^https?:/i.test(path)) {
      const url = URL.parse(path);
      const own = url?.origin === this.#endpoint.origin;
      const under = url?.protocol === 'https:' && url.hostname.endsWith(`.${this.#endpoint.hostname}`);
      if (url === null || !(own || under)) {
        throw unusable('a request', `it points to ${url?.host ?? 'something that is no URL'}, where no token is sent`);
      }
      return url;
    }
    const escaped = encodeURI(path.replace(/^\/*/, '/')).replaceAll('?', '%3F').replaceAll('#', '%23');
    const url = new URL(`${this.#endpoint.origin}${escaped}`);
    for (const [name, value] of Object.entries(query ?? {})) url.searchParams.set(name, value);
    if (apiVersion !== undefined) url.searchParams.set('api-version', apiVersion);
    return url;
  }
}

/** The body of an answer as an object. */
export function objectOf(answer: WireAnswer): JsonObject {
  if (isObject(answer.body)) return answer.body as JsonObject;
  const seen = answer.body === undefined ? 'nothing' : Array.isArray(answer.body) ? 'an array' : typeof answer.body;
  throw unusable(new URL(answer.url).pathname, `an object of JSON was expected, and ${seen} came`);
}

function answerOf(response: PipelineResponse, url: URL): WireAnswer {
  const { headers } = response;
  return {
    status: response.status,
    body: bodyOf(response.bodyAsText),
    correlationId: headers.get('x-ms-correlation-request-id') ?? headers.get('x-ms-request-id'),
    url: url.href,
    header: (name) => headers.get(name),
  };
}
