import { createHash } from 'node:crypto';

import { VerificationError } from '@holdfast/base';

/** What the bytes of a blob have to be: `digest` is `sha256:` and 64 lowercase hex characters. */
export interface ExpectedContent {
  readonly digest: string;
  /** Exact number of bytes; not checked when missing. */
  readonly size?: number;
}

/** `sha256:` and 64 lowercase hex characters. */
export function sha256Digest(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/**
 * @throws VerificationError IMAGE_DIGEST_MISMATCH, IMAGE_SIZE_MISMATCH
 */
export function verifyContent(bytes: Uint8Array, expected: ExpectedContent, what: string): void {
  if (expected.size !== undefined && bytes.length !== expected.size)
    throw sizeMismatch(what, expected.size, bytes.length);
  const actual = sha256Digest(bytes);
  if (actual !== expected.digest) throw digestMismatch(what, expected.digest, actual);
}

/**
 * Hands the chunks on and checks them: the error comes after the last chunk at the latest, and before more bytes than the
 * blob has. What a consumer made of the chunks counts only when the iteration ended without an error.
 * @throws VerificationError IMAGE_DIGEST_MISMATCH, IMAGE_SIZE_MISMATCH
 */
export async function* verifiedChunks(
  chunks: AsyncIterable<Uint8Array>,
  expected: ExpectedContent,
  what: string,
): AsyncGenerator<Uint8Array, void, undefined> {
  const hash = createHash('sha256');
  let size = 0;
  for await (const chunk of chunks) {
    size += chunk.length;
    if (expected.size !== undefined && size > expected.size) throw sizeMismatch(what, expected.size, size);
    hash.update(chunk);
    yield chunk;
  }
  if (expected.size !== undefined && size !== expected.size) throw sizeMismatch(what, expected.size, size);
  const actual = `sha256:${hash.digest('hex')}`;
  if (actual !== expected.digest) throw digestMismatch(what, expected.digest, actual);
}

export function sizeMismatch(what: string, expected: number, actual: number): VerificationError {
  const found = actual > expected ? 'more' : String(actual);
  return new VerificationError('IMAGE_SIZE_MISMATCH', `${what} should have ${expected} bytes, and has ${found}`, {
    action: 'Repeat. If it happens again, push the image again.',
    details: { expected, actual },
  });
}

export function digestMismatch(what: string, expected: string, actual: string): VerificationError {
  return new VerificationError('IMAGE_DIGEST_MISMATCH', `${what} should be ${expected}, and is ${actual}`, {
    action: 'Repeat. If it happens again, do not use this image: find out who changed it.',
    details: { expected, actual },
  });
}
