import { DependencyError, fromUtf8 } from '@holdfast/base';
import type { HttpClient } from '@holdfast/http';

/** Votes by choice. */
export type Votes = Readonly<Record<string, number>>;

const TIMEOUT_MS = 5000;
const RESULTS = /<p class="results">\s*(.*?)\s*<\/p>/s;

/** The page of the voting application, as a visitor without a browser uses it. */
export class VotePage {
  readonly #client: Pick<HttpClient, 'send'>;
  readonly url: string;

  constructor(client: Pick<HttpClient, 'send'>, url: string) {
    this.#client = client;
    this.url = url;
  }

  /**
   * The votes that the page shows.
   * @throws DependencyError SAMPLE_NOT_AS_EXPECTED when it shows none, or those of `HttpClient.send`
   */
  async votes(): Promise<Votes> {
    return votesIn(await this.#client.send({ url: this.url, timeoutMs: TIMEOUT_MS }), this.url);
  }

  /** Clicks a button; answers the votes that the page then shows. Throws as `votes`. */
  async vote(choice: string): Promise<Votes> {
    const answer = await this.#client.send({
      method: 'POST',
      url: this.url,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ vote: choice }).toString(),
      timeoutMs: TIMEOUT_MS,
    });
    return votesIn(answer, this.url);
  }
}

function votesIn({ status, body }: { readonly status: number; readonly body: Uint8Array }, url: string): Votes {
  const [, text] = RESULTS.exec(fromUtf8(body)) ?? [];
  if (status !== 200 || text === undefined) {
    throw new DependencyError('SAMPLE_NOT_AS_EXPECTED', `the page at ${url} answers ${status} and shows no votes`, {
      retryable: true,
    });
  }
  return Object.fromEntries(
    text.split(' | ').map((part) => {
      const at = part.lastIndexOf(' - ');
      return [part.slice(0, at), Number(part.slice(at + 3))];
    }),
  );
}
