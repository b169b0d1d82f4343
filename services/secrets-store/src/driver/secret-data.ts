import { createPrivateKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

import { readPkcs12 } from '@holdfast/attestation';
import { errorMessage, fromBase64, RequestError } from '@holdfast/base';

import { blocksOf, pemBlock } from '../provider/pem.ts';
import type { SecretObject } from './objects.ts';

const TLS = 'kubernetes.io/tls';

/** What is missing in an entry of `secretObjects`, before anything is trimmed; undefined when nothing is. */
export function secretObjectProblem({ secretName = '', type = '', data = [] }: SecretObject): string | undefined {
  if (secretName === '') return 'secret name is empty';
  if (type === '') return 'secret type is empty';
  if (data.length === 0) return 'data is empty';
  return undefined;
}

/**
 * The data of a Secret out of the files of a volume, by key.
 * @param files By path: the alias of an object, where it has one.
 * @throws RequestError SECRET_OBJECT_INVALID
 */
export function secretData(
  data: NonNullable<SecretObject['data']>,
  files: ReadonlyMap<string, Uint8Array>,
  type: string,
): ReadonlyMap<string, Uint8Array> {
  const result = new Map<string, Uint8Array>();
  for (const item of data) {
    const objectName = (item.objectName ?? '').trim();
    const key = (item.key ?? '').trim();
    if (objectName === '') throw invalid('object name in secretObjects.data is empty');
    if (key === '') throw invalid('key in secretObjects.data is empty');
    const content = files.get(objectName);
    if (content === undefined) throw invalid(`file matching objectName ${objectName} not found in the pod`);
    result.set(key, type === TLS ? tlsPart(key, content) : content);
  }
  return result;
}

/** The certificates or the key of a file that has both. */
function tlsPart(key: string, content: Uint8Array): Uint8Array {
  if (key !== 'tls.crt' && key !== 'tls.key')
    throw invalid(`tls key ${key} not supported. Only tls.key and tls.crt are`);
  try {
    const { certificates, keys } = partsOf(content);
    const text = key === 'tls.crt' ? certificates : keys.map(privateKeyPem).join('');
    if (text === '') throw new Error(`no ${key === 'tls.crt' ? 'certificate' : 'private key'} in the file`);
    return Buffer.from(text);
  } catch (cause) {
    throw invalid(`failed to get ${key}: ${errorMessage(cause)}`, cause);
  }
}

function partsOf(content: Uint8Array): { readonly certificates: string; readonly keys: readonly KeyObject[] } {
  const text = Buffer.from(content).toString('latin1');
  if (text.includes('-----BEGIN ')) {
    return {
      certificates: blocksOf(text, /^CERTIFICATE$/).join(''),
      keys: blocksOf(text, /PRIVATE KEY$/).map((pem) => createPrivateKey(pem)),
    };
  }
  const isDer = content[0] === 0x30;
  const { certificates, keys } = readPkcs12(isDer ? content : fromBase64(text.trim()));
  return {
    certificates: certificates.map((der) => pemBlock('CERTIFICATE', der)).join(''),
    keys: keys.map((der) => createPrivateKey({ key: Buffer.from(der), format: 'der', type: 'pkcs8' })),
  };
}

/** In the older encodings, which every program that reads such Secrets knows. */
function privateKeyPem(key: KeyObject): string {
  const type = key.asymmetricKeyType === 'rsa' ? 'pkcs1' : key.asymmetricKeyType === 'ec' ? 'sec1' : 'pkcs8';
  return key.export({ format: 'pem', type }).toString();
}

function invalid(message: string, cause?: unknown): RequestError {
  return new RequestError('SECRET_OBJECT_INVALID', message, {
    cause,
    action: 'objectName in secretObjects is the path of a mounted file: the alias, where the object has one.',
  });
}
