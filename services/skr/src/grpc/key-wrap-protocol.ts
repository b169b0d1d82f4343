import { constants, createPrivateKey, createPublicKey, privateDecrypt, publicEncrypt } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { isJsonObject, member, parseJsonObject } from '@holdfast/attestation';
import type { JsonObject, JsonValue } from '@holdfast/attestation';
import {
  errorMessage,
  fromBase64,
  fromUtf8,
  MalformedError,
  RequestError,
  toBase64,
  toUtf8,
  VerificationError,
} from '@holdfast/base';

import type { SkrContext } from '../context.ts';
import { endpointOrigin } from '../endpoint.ts';
import { maaOrigin } from '../maa-endpoint.ts';

const AGENT = 'skr';
const KEY_ID = /^[0-9A-Za-z-]{1,127}$/;
const OAEP = { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' } as const;

/**
 * `WrapKey` of the key provider protocol (ocicrypt): encrypts a layer key to the public key of `kid`, which the file
 * `<kid>-info.json` of `folder` leads to.
 * @throws RequestError SKR_REQUEST_INVALID
 * @throws MalformedError KEY_INFO_UNUSABLE
 */
export async function wrapKey(input: Uint8Array, folder: string): Promise<string> {
  const parameters = objectAt(readInput(input), 'keywrapparams');
  const [agent = '', kid = ''] = agentOf(objectAt(parameters, 'ec')).split(':');
  if (agent.toLowerCase() !== AGENT) throw invalid('the attestation agent is not skr');
  if (!KEY_ID.test(kid)) throw invalid('the key id is missing, or not the name of a key');
  const optsdata = bytesAt(parameters, 'optsdata');
  const info = await readKeyInfo(folder, kid);
  let wrapped: Buffer;
  try {
    wrapped = publicEncrypt({ key: createPublicKey(info.publicKeyPem), ...OAEP }, optsdata);
  } catch (cause) {
    throw new MalformedError('KEY_INFO_UNUSABLE', `cannot wrap with the public key of ${kid}: ${errorMessage(cause)}`, {
      cause,
    });
  }
  const annotation = {
    kid,
    wrapped_data: toBase64(wrapped),
    wrap_type: 'rsa_3072',
    kms_endpoint: info.kmsEndpoint,
    attester_endpoint: info.attesterEndpoint,
  };
  const keywrapresults = { annotation: toBase64(toUtf8(JSON.stringify(annotation))) };
  return JSON.stringify({ keywrapresults, keyunwrapresults: null });
}

/**
 * `UnWrapKey`: releases the key that the annotation names and decrypts the layer key. The annotation comes with an image,
 * so its endpoints pass the same rules as those of an HTTP request.
 * @throws RequestError SKR_REQUEST_INVALID, SKR_ENDPOINT_REFUSED
 * @throws VerificationError LAYER_KEY_UNDECRYPTABLE, and whatever a release throws
 */
export async function unwrapKey(input: Uint8Array, context: SkrContext): Promise<string> {
  const parameters = objectAt(readInput(input), 'keyunwrapparams');
  if (agentOf(objectAt(parameters, 'dc')).toLowerCase() !== AGENT) throw invalid('the attestation agent is not skr');
  const annotation = readJson(bytesAt(parameters, 'annotation'), 'annotation');
  const kid = textAt(annotation, 'kid');
  if (!KEY_ID.test(kid)) throw invalid('the key id of the annotation is not the name of a key');
  const wrapped = bytesAt(annotation, 'wrapped_data');
  const jwk = await context.releaseKey({
    maaOrigin: maaOrigin(textAt(annotation, 'attester_endpoint'), context.maaEndpointRules),
    vaultOrigin: endpointOrigin(
      textAt(annotation, 'kms_endpoint'),
      context.vaultEndpointRules,
      'kms_endpoint',
      'allowed_akv_hosts',
    ),
    kid,
    accessToken: undefined,
  });
  let optsdata: Buffer;
  try {
    const key = createPrivateKey({ key: jwk, format: 'jwk' });
    optsdata = privateDecrypt({ key, ...OAEP }, wrapped);
  } catch (cause) {
    throw new VerificationError('LAYER_KEY_UNDECRYPTABLE', 'the released key does not decrypt the wrapped data', {
      cause,
    });
  }
  return JSON.stringify({ keywrapresults: null, keyunwrapresults: { optsdata: toBase64(optsdata) } });
}

interface KeyInfo {
  readonly publicKeyPem: string;
  readonly kmsEndpoint: string;
  readonly attesterEndpoint: string;
}

async function readKeyInfo(folder: string, kid: string): Promise<KeyInfo> {
  try {
    const info = parseJsonObject(await readFile(join(folder, `${kid}-info.json`)), 'KEY_INFO_UNUSABLE');
    return {
      publicKeyPem: await readFile(textAt(info, 'public_key_path'), 'utf8'),
      kmsEndpoint: textAt(info, 'kms_endpoint'),
      attesterEndpoint: textAt(info, 'attester_endpoint'),
    };
  } catch (cause) {
    throw new MalformedError('KEY_INFO_UNUSABLE', `cannot use ${kid}-info.json: ${errorMessage(cause)}`, { cause });
  }
}

function readInput(input: Uint8Array): JsonObject {
  return readJson(input, 'the input');
}

function readJson(bytes: Uint8Array, what: string): JsonObject {
  try {
    return parseJsonObject(fromUtf8(bytes), 'SKR_REQUEST_INVALID');
  } catch (cause) {
    throw invalid(`${what}: ${errorMessage(cause)}`);
  }
}

/** `Parameters["attestation-agent"][0]`, decoded. */
function agentOf(config: JsonObject): string {
  const list: JsonValue | undefined = member(objectAt(config, 'Parameters'), 'attestation-agent');
  const [first] = Array.isArray(list) ? (list as readonly JsonValue[]) : [];
  if (typeof first !== 'string') throw invalid('"attestation-agent" is missing');
  return fromUtf8(decode(first, 'attestation-agent'));
}

function objectAt(object: JsonObject, name: string): JsonObject {
  const value = member(object, name);
  if (!isJsonObject(value)) throw invalid(`"${name}" is missing`);
  return value;
}

function textAt(object: JsonObject, name: string): string {
  const value = member(object, name);
  if (typeof value !== 'string' || value === '') throw invalid(`"${name}" is missing`);
  return value;
}

function bytesAt(object: JsonObject, name: string): Uint8Array {
  return decode(textAt(object, name), name);
}

function decode(text: string, name: string): Uint8Array {
  try {
    return fromBase64(text);
  } catch (cause) {
    throw invalid(`"${name}" is not Base64: ${errorMessage(cause)}`);
  }
}

function invalid(problem: string): RequestError {
  return new RequestError('SKR_REQUEST_INVALID', problem);
}
