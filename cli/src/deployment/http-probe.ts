import { DependencyError, errorMessage } from '@holdfast/base';
import type { HttpPort } from '@holdfast/deployment';
import { Agent, request } from 'undici';

const MAX_BODY = 64 * 1024;

/** Asks servers from where the command runs. */
export interface HttpProbe extends HttpPort {
  /** Ends the connections that are kept. */
  close(): Promise<void>;
}

/**
 * Plain GET requests: no redirect is followed, and of a long body only the first 64 KiB are read. `ca` is the PEM of
 * authorities to trust instead of the usual ones.
 * @throws DependencyError PROBE_UNREACHABLE, PROBE_TIMEOUT
 */
export function createHttpProbe(options: { readonly ca?: string } = {}): HttpProbe {
  const agent = new Agent({ connect: options.ca === undefined ? {} : { ca: options.ca } });
  return {
    get: async (url, { timeoutMs, signal: given }) => {
      const deadline = AbortSignal.timeout(timeoutMs);
      const signal = given === undefined ? deadline : AbortSignal.any([given, deadline]);
      try {
        const { statusCode, body } = await request(url, { dispatcher: agent, signal });
        return { status: statusCode, body: await firstBytes(body) };
      } catch (cause) {
        if (given?.aborted === true) throw given.reason;
        throw probeError(url, timeoutMs, deadline.aborted, cause);
      }
    },
    close: async () => {
      await agent.destroy();
    },
  };
}

async function firstBytes(body: AsyncIterable<Uint8Array> & { destroy(): unknown }): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body) {
    chunks.push(chunk);
    length += chunk.length;
    // Leaving the loop ends the answer.
    if (length >= MAX_BODY) break;
  }
  return Buffer.concat(chunks).subarray(0, MAX_BODY).toString('utf8');
}

function probeError(url: string, timeoutMs: number, late: boolean, cause: unknown): DependencyError {
  // Only scheme, host and port: queries of addresses may hold secrets.
  const host = URL.parse(url)?.origin ?? 'an address that is not a URL';
  return new DependencyError(
    late ? 'PROBE_TIMEOUT' : 'PROBE_UNREACHABLE',
    late ? `${host} did not answer within ${timeoutMs} ms` : `${host} cannot be reached: ${errorMessage(cause)}`,
    {
      retryable: true,
      cause,
      details: { host },
      action: 'Check that the server runs, its address is right, and the network lets this machine reach it.',
    },
  );
}
