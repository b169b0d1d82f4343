import { fromBase64, fromUtf8, RequestError } from '@holdfast/base';

/**
 * The named text members of a JSON object body; every one must be there and not empty. Other members are ignored, and so is
 * the content type, as by the reference sidecar.
 * @throws RequestError SKR_REQUEST_INVALID
 */
export function textMembers<const N extends string>(body: unknown, names: readonly N[]): Readonly<Record<N, string>> {
  const members = readObject(body);
  const texts: Partial<Record<N, string>> = {};
  for (const name of names) {
    const text = Object.hasOwn(members, name) ? members[name] : undefined;
    if (typeof text !== 'string' || text === '') throw invalid(`the member ${name} is missing, empty or not a text`);
    texts[name] = text;
  }
  return texts as Readonly<Record<N, string>>;
}

/**
 * A text member of a JSON object body; undefined when it is missing, null or empty.
 * @throws RequestError SKR_REQUEST_INVALID
 */
export function optionalTextMember(body: unknown, name: string): string | undefined {
  const members = readObject(body);
  const text = Object.hasOwn(members, name) ? (members[name] ?? '') : '';
  if (typeof text !== 'string') throw invalid(`the member ${name} is not a text`);
  return text === '' ? undefined : text;
}

function readObject(body: unknown): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.isBuffer(body) ? fromUtf8(body) : '');
  } catch (cause) {
    throw invalid('the body is not JSON', cause);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalid('the body is not a JSON object');
  return value as Readonly<Record<string, unknown>>;
}

/**
 * Bytes of `runtime_data`: standard Base64 with padding; line breaks are skipped, as by the reference sidecar.
 * @throws RequestError SKR_REQUEST_INVALID
 */
export function decodeRuntimeData(text: string): Uint8Array {
  try {
    return fromBase64(text.replaceAll(/[\r\n]/g, ''));
  } catch (cause) {
    throw invalid('runtime_data is not standard Base64 with padding', cause);
  }
}

function invalid(message: string, cause?: unknown): RequestError {
  return new RequestError('SKR_REQUEST_INVALID', message, { cause });
}
