import { isObject, objectAt, textAt } from './json.ts';
import type { JsonValue } from './json.ts';

export interface RecordedRequest {
  readonly method: string;
  /** Path with query, as it arrived. */
  readonly url: string;
  /** Without the values of secure parameters and of secrets. */
  readonly body: string;
  status: number;
  answer: string;
}

/** What stands in the place of a value that is secret by its nature. */
const SECURE = '[secure]';

/** The requests in the order of their arrival. */
export class Recorder {
  readonly #requests: RecordedRequest[] = [];
  readonly #limit: number;

  /** Keeps the last `limit` requests. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  begin(method: string, url: string, body: JsonValue | undefined): RecordedRequest {
    const text = body === undefined ? '' : JSON.stringify(withoutSecrets(url, body));
    const recorded: RecordedRequest = { method, url, body: text, status: 0, answer: '' };
    this.#requests.push(recorded);
    if (this.#requests.length > this.#limit) this.#requests.shift();
    return recorded;
  }

  requests(): readonly RecordedRequest[] {
    return this.#requests;
  }

  /** Requests that change something: those other than reads, forecasts and validations. */
  writes(): readonly RecordedRequest[] {
    const reads = /\/(whatIf|validate|list\w*|checkNameAvailability)$/i;
    return this.#requests.filter(({ method, url }) => {
      if (method === 'GET' || method === 'HEAD') return false;
      return method !== 'POST' || !reads.test(url.split('?', 1)[0] ?? '');
    });
  }

  /** Whether a text occurs in a request or an answer, elsewhere than as the value of a secure parameter or a secret. */
  contains(text: string): boolean {
    return this.#requests.some(({ url, body, answer }) =>
      [url, decoded(url), body, answer].some((part) => part.includes(text)),
    );
  }

  clear(): void {
    this.#requests.length = 0;
  }
}

function decoded(url: string): string {
  try {
    return decodeURIComponent(url);
  } catch {
    return url; // not encoded as a URL: looked at as it is
  }
}

function withoutSecrets(url: string, body: JsonValue): JsonValue {
  if (!isObject(body)) return body;
  if (/\/vaults\/[^/]+\/secrets\/[^/?]+(\?|$)/i.test(url)) {
    return { ...body, properties: { ...objectAt(body, 'properties'), value: SECURE } };
  }
  const declared = objectAt(body, 'properties.template.parameters');
  const given = objectAt(body, 'properties.parameters');
  if (Object.keys(declared).length === 0) return body;
  const parameters = Object.fromEntries(
    Object.entries(given).map(([name, value]) =>
      isSecure(textAt(declared[name], 'type')) ? [name, { value: SECURE }] : [name, value],
    ),
  );
  return { ...body, properties: { ...objectAt(body, 'properties'), parameters } };
}

/** Whether a parameter of a type is kept out of everything that can be read later. */
export function isSecure(type: string | undefined): boolean {
  return type?.toLowerCase().startsWith('secure') ?? false;
}
