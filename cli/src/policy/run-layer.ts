import { Buffer } from 'node:buffer';
import { createReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { resolve } from 'node:path';

import { errorMessage, MalformedError, RequestError } from '@holdfast/base';
import { createBlockHashingPool, decompress } from '@holdfast/oci';
import { hashLayer } from '@holdfast/policy/layers';
import type { LayerFormat } from '@holdfast/policy/layers';

import { writeJson } from '../context.ts';
import type { CliContext, CliIo } from '../context.ts';

export interface LayerFlags {
  readonly json: boolean;
  /** `ext4` (CCE policies) when missing; `tarfs` for Kata policies in the AKS profile. */
  readonly format?: LayerFormat;
}

type Compression = 'none' | 'gzip' | 'zstd';

/** Layers below this are hashed before a thread would have started. */
const THREADS_FROM_BYTES = 8 * 1024 * 1024;
/** What a compressed layer may expand to: far beyond any image, so that a small file cannot keep the command busy forever. */
const MAXIMUM_BYTES = 64 * 1024 ** 3;
const READ_BYTES = 256 * 1024;

/** `holdfast policy layer`: the dm-verity root hash of one image layer, a tar archive that may be compressed. */
export async function runLayer({ io }: CliContext, flags: LayerFlags, path: string): Promise<void> {
  const file = resolve(io.cwd, path);
  const format = flags.format ?? 'ext4';
  const { compression, size } = await lookAt(file, path);
  const pool = size < THREADS_FROM_BYTES ? undefined : createBlockHashingPool();
  const stop = new AbortController();
  const forget = io.onStopRequest(() => stop.abort(stopped()));
  try {
    const chunks = decompress(createReadStream(file, { highWaterMark: READ_BYTES }), {
      compression,
      maxBytes: MAXIMUM_BYTES,
    });
    const hash = await hashLayer(chunks, format, {
      signal: stop.signal,
      ...(pool === undefined ? {} : { hashBlocks: pool.hashBlocks }),
    });
    report(io, flags.json, { file: path, format, compression, ...hash });
  } catch (cause) {
    throw withFile(cause, path);
  } finally {
    forget();
    await pool?.close();
  }
}

interface LayerReport {
  readonly file: string;
  readonly format: LayerFormat;
  readonly compression: Compression;
  readonly rootHash: string;
  readonly imageBytes: number;
  readonly diffId: string;
  readonly tarBytes: number;
}

function report(io: CliIo, json: boolean, layer: LayerReport): void {
  if (json) {
    writeJson(io, { version: 1, ...layer });
    return;
  }
  io.stdout.write(`${layer.rootHash}\n`);
  io.stderr.write(`${layer.file}: ${layer.format} image of ${layer.imageBytes} bytes, diff id ${layer.diffId}\n`);
}

/** The size of a file and how its first bytes say it is compressed. */
async function lookAt(
  file: string,
  path: string,
): Promise<{ readonly compression: Compression; readonly size: number }> {
  try {
    const facts = await stat(file);
    if (facts.isDirectory()) throw new Error('it is a folder');
    const handle = await open(file, 'r');
    try {
      const magic = Buffer.alloc(4);
      await handle.read(magic, 0, magic.length, 0);
      return { compression: compressionOf(magic), size: facts.size };
    } finally {
      await handle.close();
    }
  } catch (cause) {
    throw new RequestError('POLICY_LAYER_UNREADABLE', `${path} cannot be read: ${problemOf(cause)}`, {
      cause,
      action: 'Name the tar archive of one layer; it may be compressed with gzip or zstd.',
    });
  }
}

function problemOf(cause: unknown): string {
  const missing = (cause as { readonly code?: unknown }).code === 'ENOENT';
  return missing ? 'there is no such file' : errorMessage(cause);
}

function compressionOf(magic: Buffer): Compression {
  if (magic[0] === 0x1f && magic[1] === 0x8b) return 'gzip';
  return magic.equals(Buffer.from([0x28, 0xb5, 0x2f, 0xfd])) ? 'zstd' : 'none';
}

/** The failure with the name of the file in front, as one of several may be at fault. */
function withFile(cause: unknown, path: string): unknown {
  if (!(cause instanceof MalformedError)) return cause;
  const { code, message, action, details } = cause;
  return new MalformedError(code, `${path}: ${message}`, {
    cause,
    details,
    ...(action === undefined ? {} : { action }),
  });
}

function stopped(): RequestError {
  return new RequestError('POLICY_LAYER_STOPPED', 'The layer was not hashed to its end: the command was stopped');
}
