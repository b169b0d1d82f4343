import type { Stats } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';

import { errorMessage, fromBase64, fromUtf8, MalformedError, PlatformError, RequestError } from '@holdfast/base';

import type { EvidenceInput, EvidenceItem } from './evidence-item.ts';
import { recognise } from './recognise.ts';

const MAX_BYTES = 2 * 1024 * 1024;
const POLICY_FILE = 'security-policy-base64';
/**
 * The files of a security-context folder that say something about the guest. Others (`tcb-reference-info-base64`,
 * `platform-reference-info-base64`) are the host's own, in forms that nobody has published.
 */
const CONTEXT_FILES = [
  POLICY_FILE,
  'host-amd-cert-base64',
  'reference-info-base64',
  'transparent-reference-info-base64',
] as const;

/**
 * Reads evidence files, and the files of security-context folders.
 * @throws RequestError EVIDENCE_UNREADABLE when a path cannot be read or a folder holds no security context
 * @throws MalformedError EVIDENCE_UNRECOGNISED and the codes of damaged formats, naming the file
 */
export async function readInputs(paths: readonly string[], cwd: string): Promise<readonly EvidenceInput[]> {
  const inputs: EvidenceInput[] = [];
  for (const path of paths) {
    const full = resolve(cwd, path);
    const files = (await look(full, path)).isDirectory() ? await contextFiles(full, path) : [full];
    for (const file of files) {
      const name = file === full ? path : join(path, basename(file));
      inputs.push(...(await readItems(file, name)).map((item) => ({ file: name, item })));
    }
  }
  return inputs;
}

async function look(full: string, path: string): Promise<Stats> {
  try {
    return await stat(full);
  } catch (cause) {
    throw unreadable(path, errorMessage(cause), cause);
  }
}

async function contextFiles(folder: string, path: string): Promise<readonly string[]> {
  const names = await readdir(folder);
  const files = CONTEXT_FILES.filter((name) => names.includes(name)).map((name) => join(folder, name));
  if (files.length === 0) throw unreadable(path, `the folder holds none of ${CONTEXT_FILES.join(', ')}`);
  return files;
}

async function readItems(file: string, name: string): Promise<readonly EvidenceItem[]> {
  const { size } = await look(file, name);
  if (size > MAX_BYTES) throw unreadable(name, `${size} bytes, at most ${MAX_BYTES}`);
  let bytes: Uint8Array;
  try {
    bytes = new Uint8Array(await readFile(file));
  } catch (cause) {
    throw unreadable(name, errorMessage(cause), cause);
  }
  try {
    // A policy is any text, so only the name of its file can tell.
    if (basename(file) === POLICY_FILE)
      return [{ kind: 'security-policy', policy: fromBase64(fromUtf8(bytes).trim()) }];
    return recognise(bytes);
  } catch (cause) {
    if (!(cause instanceof PlatformError)) throw cause;
    const { code, message, action } = cause;
    throw new MalformedError(code, `${name}: ${message}`, { cause, ...(action === undefined ? {} : { action }) });
  }
}

function unreadable(path: string, problem: string, cause?: unknown): RequestError {
  return new RequestError('EVIDENCE_UNREADABLE', `${path} cannot be read: ${problem}`, {
    cause,
    action: 'Name a file, or a security-context folder.',
  });
}
