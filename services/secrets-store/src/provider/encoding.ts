import { fromBase64, fromHex, toUtf8, RequestError } from '@holdfast/base';

/**
 * The bytes of a file out of the text of an object. Only secrets are decoded; the text of anything else is written as it is.
 * @throws RequestError VAULT_OBJECT_UNUSABLE
 */
export function contentBytes(text: string, objectType: string, objectEncoding: string): Uint8Array {
  if (objectType !== 'secret') return toUtf8(text);
  switch (objectEncoding.toLowerCase()) {
    case '':
    case 'utf-8':
      return toUtf8(text);
    case 'base64':
      return decoded('base64', () => fromBase64(text.replaceAll(/[\r\n]/g, '')));
    case 'hex':
      return decoded('hex', () => fromHex(text.toLowerCase()));
    default:
      throw unusable('invalid objectEncoding. Should be utf-8, base64, or hex');
  }
}

function decoded(encoding: string, decode: () => Uint8Array): Uint8Array {
  try {
    return decode();
  } catch {
    // The decoder's own message may quote the secret.
    throw unusable(`failed to decode the secret: illegal ${encoding} data`);
  }
}

/** An object that came from the vault and cannot be made a file. */
export function unusable(message: string, cause?: unknown): RequestError {
  return new RequestError('VAULT_OBJECT_UNUSABLE', message, {
    cause,
    action: 'Check the type, format and encoding that the SecretProviderClass gives for this object.',
  });
}
