import { readFileSync } from 'node:fs';

import { ConfigError, errorMessage, fromHex, Secret } from '@holdfast/base';

const MIN_KEY_BYTES = 32;

/**
 * Reads a link signing key: one line of at least 64 hexadecimal digits.
 * @throws ConfigError LINK_KEY_UNUSABLE
 */
export function readLinkKeyFile(file: string): Secret<Uint8Array> {
  let key: Uint8Array;
  try {
    key = fromHex(readFileSync(file, 'utf8').trim());
  } catch (cause) {
    throw unusable(`cannot read the link signing key ${file}: ${errorMessage(cause)}`, cause);
  }
  if (key.length < MIN_KEY_BYTES) {
    throw unusable(`the link signing key ${file} holds ${key.length} bytes; it needs at least ${MIN_KEY_BYTES}`);
  }
  return new Secret(key);
}

function unusable(problem: string, cause?: unknown): ConfigError {
  return new ConfigError('LINK_KEY_UNUSABLE', [problem], {
    ...(cause === undefined ? {} : { cause }),
    action: 'Write 64 or more random hexadecimal digits to the file and make it readable by the service only.',
  });
}
