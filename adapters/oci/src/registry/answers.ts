import { DependencyError, RequestError } from '@holdfast/base';
import type { PlatformError } from '@holdfast/base';

import { parseRetryAfter, RETRY_AFTER_DETAIL } from './retry.ts';
import type { TransportAnswer } from './transport.ts';

const MAX_ERROR_BYTES = 64 * 1024;
const TEMPORARY = new Set([408, 425, 429, 500, 502, 503, 504]);

/**
 * The whole body of an answer.
 * @throws DependencyError REGISTRY_ANSWER_INVALID when it is longer than `maxBytes`
 */
export async function readAll(
  answer: Pick<TransportAnswer, 'body'>,
  maxBytes: number,
  what: string,
): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of answer.body) {
    size += chunk.length;
    if (size > maxBytes) {
      throw new DependencyError('REGISTRY_ANSWER_INVALID', `${what} is longer than ${maxBytes} bytes`, {
        retryable: false,
        details: { maxBytes },
      });
    }
    parts.push(chunk);
  }
  return Buffer.concat(parts);
}

/** The error that an unexpected status means. `unknownCode` is the code for 404. Reads or drops the body. */
export async function refusal(
  answer: TransportAnswer,
  what: string,
  unknownCode = 'REGISTRY_REFUSED',
  now: number = Date.now(),
): Promise<PlatformError> {
  const said = await registrySaid(answer);
  const { status } = answer;
  const host = answer.url.host;
  const details = { host, status };
  const message = `${what}: ${host} answers ${status}${said}`;
  if (TEMPORARY.has(status)) {
    const retryAfterMs = parseRetryAfter(answer.headers['retry-after'], now);
    return new DependencyError('REGISTRY_UNAVAILABLE', message, {
      retryable: true,
      details: { ...details, ...(retryAfterMs === undefined ? {} : { [RETRY_AFTER_DETAIL]: retryAfterMs }) },
      action: status === 429 ? 'Wait and repeat, or log in to raise the limit.' : 'Wait and repeat.',
    });
  }
  if (status === 401) {
    return new RequestError('REGISTRY_UNAUTHORIZED', message, {
      details,
      action: `Check the image name, or log in with: docker login ${host}`,
    });
  }
  if (status === 403) {
    return new RequestError('REGISTRY_FORBIDDEN', message, {
      details,
      action: 'Ask the owner of the repository for access.',
    });
  }
  if (status === 404) {
    return new RequestError(unknownCode, message, { details, action: 'Check the spelling of the image reference.' });
  }
  return new RequestError('REGISTRY_REFUSED', message, { details });
}

/** The first error of a distribution error body, short and without control characters. */
async function registrySaid(answer: TransportAnswer): Promise<string> {
  try {
    const body: unknown = JSON.parse(Buffer.from(await readAll(answer, MAX_ERROR_BYTES, 'the error')).toString('utf8'));
    const first = (body as { errors?: { code?: unknown; message?: unknown }[] } | null)?.errors?.[0];
    const text = [first?.code, first?.message].filter((part) => typeof part === 'string').join(': ');
    return text === '' ? '' : ` (${text.slice(0, 200).replaceAll(/[^\u0020-\u007e]/g, '?')})`;
  } catch {
    // Proxies answer with HTML or nothing: the status alone has to do.
    return '';
  }
}
