import { MalformedError } from '@holdfast/base';
import { z } from 'zod';

const sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'is no SHA-256 in hexadecimal');
const digest = z.string().regex(/^sha256:[0-9a-f]{64}$/, 'is no digest');
/** In the folder of the record, and nowhere else. */
const fileName = z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9._-]*$/, 'is no plain file name');

const schema = z.strictObject({
  version: z.literal(1),
  release: z.string().min(1),
  environment: z.enum(['integ', 'prod']),
  /** What the images are built on; null for images without Node, which only the local cloud can run. */
  base: z.strictObject({ reference: z.string().min(1), digest }).nullable(),
  images: z.array(
    z.strictObject({
      name: z.enum(['uid2-operator', 'skr']),
      reference: z.string().min(1),
      digest,
      pushed: z.boolean(),
    }),
  ),
  policy: z.strictObject({ sha256 }),
  manifest: z.strictObject({ file: fileName, sha256 }),
  bundle: z.strictObject({ file: fileName, sha256 }),
});

/** `release.json`: what belongs to a release, with the digests that prove it. */
export type ReleaseRecord = z.output<typeof schema>;

/** The record as text. Same record, same bytes. */
export function releaseRecordText(record: ReleaseRecord): string {
  return `${JSON.stringify(schema.parse(record), null, 2)}\n`;
}

/**
 * Reads a `release.json`.
 * @throws MalformedError RELEASE_RECORD_INVALID
 */
export function parseReleaseRecord(text: string): ReleaseRecord {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new MalformedError('RELEASE_RECORD_INVALID', 'the release record is not JSON', { cause });
  }
  const checked = schema.safeParse(value);
  if (checked.success) return checked.data;
  const [issue] = checked.error.issues;
  throw new MalformedError(
    'RELEASE_RECORD_INVALID',
    `the release record cannot be used: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'it has another shape'}`,
    { action: 'Use release.json as holdfast release build wrote it.' },
  );
}
