import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';

import { errorMessage, RequestError, Secret } from '@holdfast/base';
import type { DeploymentConfig } from '@holdfast/deployment';

import type { CliIo } from '../context.ts';

const MAX_KEY = 4096;

/**
 * The operator key, from where `operator.keySource` says; undefined where no key is written, and where it would come from
 * standard input that is a terminal or empty. A line break at its end does not belong to it.
 * @throws RequestError OPERATOR_KEY_MISSING
 */
export async function readOperatorKey(
  io: CliIo,
  config: DeploymentConfig,
  folder: string,
): Promise<Secret | undefined> {
  if (config.profile !== 'uid2-vn2') return undefined;
  const source = config.operator.keySource;
  if (source === 'stdin') {
    const text = io.stdin.isTTY === true ? '' : await readStdin(io);
    // Nothing there: it is only missed when the secret has to be written.
    return text.trim() === '' ? undefined : keyOf(text, 'standard input');
  }
  if ('env' in source) return keyOf(io.env[source.env] ?? '', `the environment variable ${source.env}`);
  if (!('file' in source)) return undefined;
  return await readKeyFile(resolve(folder, source.file));
}

/** A key from a file. */
export async function readKeyFile(path: string): Promise<Secret> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    throw missing(`${path} cannot be read: ${errorMessage(cause)}`);
  }
  return keyOf(text, path);
}

function keyOf(text: string, where: string): Secret {
  const key = text.replace(/\r?\n$/, '');
  if (key === '') throw missing(`${where} holds no operator key`);
  return new Secret(key);
}

function missing(message: string): RequestError {
  return new RequestError('OPERATOR_KEY_MISSING', message, {
    action: 'Give it as operator.keySource says: on standard input, in the environment or in a file.',
  });
}

async function readStdin(io: CliIo): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of io.stdin) {
    text += typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true });
    if (text.length > MAX_KEY) throw missing('what comes on standard input is no operator key: it is too long');
  }
  return text;
}
