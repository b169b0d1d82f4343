import { DependencyError, errorMessage } from '@holdfast/base';
import { Agent } from 'undici';

export interface OutboundRequest {
  readonly method: string;
  readonly origin: string;
  /** Path and query as they are to be sent. */
  readonly path: string;
  /** Names in turn with values. */
  readonly headers: Readonly<Record<string, string | string[]>>;
  readonly body?: string | Uint8Array;
  readonly signal: AbortSignal;
}

export interface OutboundAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Uint8Array;
}

/** Sends one request and reads the whole answer. Redirects are passed on, not followed. */
export type Send = (call: OutboundRequest) => Promise<OutboundAnswer>;

export interface Outbound {
  readonly send: Send;
  close(): Promise<void>;
}

const MAX_BYTES = 4 * 1024 * 1024;

/**
 * Requests to the metadata service and to Entra ID, each with a deadline.
 * @throws DependencyError METADATA_UNREACHABLE, METADATA_ANSWER_TOO_LARGE
 */
export function createOutbound(options: { readonly timeoutMs: number; readonly ca?: string }): Outbound {
  const { timeoutMs, ca } = options;
  const agent = new Agent({ connect: { timeout: Math.min(timeoutMs, 10_000), ...(ca === undefined ? {} : { ca }) } });
  return {
    send: async ({ signal: caller, origin, ...call }) => {
      const deadline = AbortSignal.timeout(timeoutMs);
      try {
        // The agent itself takes the path as it is. A path made into a URL first would turn backslashes into slashes, and what
        // was no token request when it was judged would be one when it arrives.
        const response = await agent.request({
          ...call,
          method: call.method,
          origin,
          signal: AbortSignal.any([caller, deadline]),
          headersTimeout: timeoutMs,
          bodyTimeout: timeoutMs,
        });
        const body = await readBody(response.body, origin);
        return { status: response.statusCode, headers: response.headers, body };
      } catch (cause) {
        if (cause instanceof DependencyError) throw cause;
        const reason = deadline.aborted ? `no answer within ${timeoutMs} ms` : errorMessage(cause);
        throw new DependencyError('METADATA_UNREACHABLE', `${origin}: ${reason}`, {
          retryable: true,
          cause,
          action: 'Check that the node reaches the metadata service and, for service principals, Entra ID.',
        });
      }
    },
    close: async () => {
      await agent.destroy();
    },
  };
}

async function readBody(body: AsyncIterable<Uint8Array>, origin: string): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body) {
    length += chunk.length;
    if (length > MAX_BYTES) {
      throw new DependencyError('METADATA_ANSWER_TOO_LARGE', `${origin} sent more than ${MAX_BYTES} bytes`, {
        retryable: false,
      });
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
