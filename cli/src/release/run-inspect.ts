import { readFile, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';

import { errorMessage, fromUtf8, RequestError } from '@holdfast/base';
import { bundleLimits, inspectRelease, parseReleaseRecord, readBundle, recordMismatches } from '@holdfast/deployment';
import type { ReleaseInspection, ReleaseRecord } from '@holdfast/deployment';

import type { ReleaseInspectFlags } from '../commands/release.ts';
import { writeJson } from '../context.ts';
import type { CliContext } from '../context.ts';
import { EXIT_REFUSED } from './run-build.ts';

interface Inspected {
  readonly record: ReleaseRecord | undefined;
  readonly inspection: ReleaseInspection;
  readonly mismatches: readonly string[];
}

/** `holdfast release inspect`: what a release is, and whether everything about it fits together. */
export async function runReleaseInspect(context: CliContext, flags: ReleaseInspectFlags, name: string): Promise<void> {
  const { io } = context;
  if (flags.digest !== undefined && !/^[0-9a-f]{64}$/.test(flags.digest)) {
    throw new RequestError('RELEASE_OPTION_INVALID', '--digest is no SHA-256 in lower-case hexadecimal', {
      action: 'Copy the digest that was published with the release.',
    });
  }
  const { record, inspection, mismatches } = await inspected(resolve(io.cwd, name), flags);
  const errors = inspection.findings.filter(({ severity }) => severity === 'error');
  const verified = errors.length === 0 && mismatches.length === 0;
  if (!verified) context.setExitCode(EXIT_REFUSED);
  if (flags.json) {
    const { digest, images, findings } = inspection;
    writeJson(io, {
      version: 1,
      verified,
      policy: digest ?? null,
      images,
      findings,
      mismatches,
      record: record ?? null,
    });
    return;
  }
  io.stdout.write(`${textReport(record, inspection, mismatches, verified).join('\n')}\n`);
}

async function inspected(path: string, flags: ReleaseInspectFlags): Promise<Inspected> {
  const file = (await kindOf(path)) === 'folder' ? join(path, 'release.json') : path;
  if (basename(file).endsWith('.json')) {
    const record = parseReleaseRecord(fromUtf8(await bytesOf(file)));
    const folder = dirname(file);
    const bundle = await bytesOf(join(folder, record.bundle.file));
    const manifest = await bytesOf(join(folder, record.manifest.file));
    const inspection = inspectRelease(readBundle(bundle), {
      environment: flags.environment ?? record.environment,
      digest: flags.digest ?? record.policy.sha256,
    });
    return { record, inspection, mismatches: recordMismatches(record, { manifest, bundle }, inspection) };
  }
  const inspection = inspectRelease(readBundle(await bytesOf(file)), {
    environment: flags.environment ?? 'integ',
    ...(flags.digest === undefined ? {} : { digest: flags.digest }),
  });
  return { record: undefined, inspection, mismatches: [] };
}

async function kindOf(path: string): Promise<'folder' | 'file'> {
  try {
    return (await stat(path)).isDirectory() ? 'folder' : 'file';
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

async function bytesOf(path: string): Promise<Uint8Array> {
  try {
    const { size } = await stat(path);
    if (size > bundleLimits.maxBytes) throw unreadable(path, new Error(`it has ${size} bytes`));
    return await readFile(path);
  } catch (cause) {
    throw cause instanceof RequestError ? cause : unreadable(path, cause);
  }
}

function unreadable(path: string, cause: unknown): RequestError {
  return new RequestError('RELEASE_INPUT_UNREADABLE', `${path} cannot be read: ${errorMessage(cause)}`, {
    cause,
    action: 'Name a release.json, the bundle, or its folder.',
  });
}

function textReport(
  record: ReleaseRecord | undefined,
  { digest, images, findings }: ReleaseInspection,
  mismatches: readonly string[],
  verified: boolean,
): readonly string[] {
  const digests = new Map(record?.images.map((image) => [image.reference, image.digest]));
  return [
    ...(record === undefined ? [] : [`release ${record.release} for ${record.environment}`]),
    ...(record?.base === null ? ['  built without a base image: for the local cloud only'] : []),
    ...images.map(({ container, image }) => `  ${container}: ${[image, digests.get(image) ?? ''].join(' ').trim()}`),
    `  policy ${digest ?? 'unreadable'}`,
    ...findings.map(({ check, severity, message }) => `  ${check} ${severity}: ${message}`),
    ...mismatches.map((message) => `  error: ${message}`),
    verified ? 'verified' : 'refused',
  ];
}
