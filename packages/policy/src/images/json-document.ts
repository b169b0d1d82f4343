import { errorMessage, fromUtf8, MalformedError } from '@holdfast/base';

/**
 * Parses the bytes of a JSON document.
 * @throws MalformedError with the given code, unless they are well-formed UTF-8 and JSON
 */
export function parseJsonBytes(bytes: Uint8Array, code: string, what: string): unknown {
  try {
    return JSON.parse(fromUtf8(bytes));
  } catch (cause) {
    throw new MalformedError(code, `${what} is not JSON: ${errorMessage(cause)}`, { cause });
  }
}
