import { pipeline, Readable } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';

import { errorMessage, MalformedError } from '@holdfast/base';

import { DrainableSource } from './drainable-source.ts';

const CHUNK_BYTES = 64 * 1024;

export interface DecompressOptions {
  readonly compression: 'none' | 'gzip' | 'zstd';
  /** Most bytes the result may have; protects against a small blob that never ends. */
  readonly maxBytes: number;
}

/**
 * The tar inside the blob of a layer, piece by piece. Reads all of `chunks`, so a check at their end is not missed.
 * @throws MalformedError LAYER_COMPRESSION_INVALID, LAYER_TOO_LARGE; errors of `chunks` pass through
 */
export async function* decompress(
  chunks: AsyncIterable<Uint8Array>,
  { compression, maxBytes }: DecompressOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  let size = 0;
  for await (const chunk of compression === 'none' ? chunks : expand(chunks, compression)) {
    size += chunk.length;
    if (size > maxBytes) {
      throw new MalformedError('LAYER_TOO_LARGE', `a layer expands to more than ${maxBytes} bytes`, {
        action: 'Raise the limit if the image really is that large.',
        details: { maxBytes },
      });
    }
    yield chunk;
  }
}

async function* expand(chunks: AsyncIterable<Uint8Array>, compression: 'gzip' | 'zstd'): AsyncGenerator<Uint8Array> {
  const expander =
    compression === 'gzip'
      ? createGunzip({ chunkSize: CHUNK_BYTES })
      : createZstdDecompress({ chunkSize: CHUNK_BYTES });
  const source = new DrainableSource(chunks);
  // The error of either side reaches the loop below through the expander, which the pipeline destroys with it.
  pipeline(Readable.from(source.chunks(), { objectMode: true, highWaterMark: 2 }), expander, () => undefined);
  try {
    for await (const chunk of expander as AsyncIterable<Uint8Array>) yield chunk;
  } catch (cause) {
    if (!isCompressionError(cause)) throw cause;
    // Damaged bytes are often no stream either. Then the digest at the end of the blob is the better explanation.
    await source.drain();
    throw new MalformedError(
      'LAYER_COMPRESSION_INVALID',
      `a layer is no ${compression} stream: ${errorMessage(cause)}`,
      { cause },
    );
  } finally {
    await source.close();
  }
}

function isCompressionError(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code;
  return typeof code === 'string' && /^Z(?:STD)?_/i.test(code);
}
