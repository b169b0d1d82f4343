import { AsyncLocalStorage } from 'node:async_hooks';

import type { PipelinePolicy, PipelineResponse } from '@azure/core-rest-pipeline';

/** An answer as it came over the wire. */
export interface CapturedAnswer {
  readonly status: number;
  /** JSON, if it is; else the text. */
  readonly body: unknown;
  readonly correlationId: string | undefined;
}

/** What a call has received last. */
export interface CallRecord {
  answer: CapturedAnswer | undefined;
}

/** Longest time for one request, in milliseconds, when it has no shorter one. */
const REQUEST_TIMEOUT_MS = 100_000;

/**
 * Keeps the last answer of each call, whole. The SDKs drop details of errors and fields that their models do not know, and
 * their pollers keep no body at all; with this every call can look at what really came. Calls that run at the same time
 * do not see each other's answers.
 */
export class AnswerLog {
  readonly #calls = new AsyncLocalStorage<CallRecord>();
  readonly #keepSuccess: boolean;

  /** `keepSuccess`: whether bodies of successful answers are kept too; not where these hold secrets. */
  constructor(options: { readonly keepSuccess: boolean }) {
    this.#keepSuccess = options.keepSuccess;
  }

  /** To be added to the pipeline of an SDK's client, nearest to the wire. */
  readonly policy: PipelinePolicy = {
    name: 'holdfastAnswerPolicy',
    sendRequest: async (request, next) => {
      if (request.timeout === 0) request.timeout = REQUEST_TIMEOUT_MS;
      const response = await next(request);
      const call = this.#calls.getStore();
      if (call !== undefined) call.answer = this.#capture(response);
      return response;
    },
  };

  /** Runs `work`; whatever the SDKs send in it, polls included, is recorded in `record`. */
  run<T>(record: CallRecord, work: () => T): T {
    return this.#calls.run(record, work);
  }

  #capture(response: PipelineResponse): CapturedAnswer {
    const keep = this.#keepSuccess || response.status >= 400;
    return {
      status: response.status,
      body: keep ? bodyOf(response.bodyAsText) : undefined,
      correlationId: response.headers.get('x-ms-correlation-request-id') ?? response.headers.get('x-ms-request-id'),
    };
  }
}

/** The value of a JSON text, the text itself when it is none, undefined when it is empty. */
export function bodyOf(text: string | null | undefined): unknown {
  if (text === undefined || text === null || text === '') return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text; // a proxy's page, for example
  }
}
