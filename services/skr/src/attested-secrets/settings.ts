import { fromHex } from '@holdfast/base';
import { z } from 'zod';

/** 32 KiB of ciphertext is more than any secret needs; the whole variable is limited by the platform. */
const MAX_SEALED = 64 * 1024;
const name = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,126}$/, 'not a plain file name of at most 127 characters');
const kid = z.string().regex(/^[0-9A-Za-z-]{1,127}(?:\/[0-9a-f]{32})?$/, 'not the name of a key, or name/version');

/** One file: a secret sealed to a key, the key itself, or the key of an encrypted volume. */
const fileSchema = z.discriminatedUnion('form', [
  z.strictObject({ form: z.literal('sealed'), name, kid, sealed: z.string().min(1).max(MAX_SEALED) }),
  z.strictObject({ form: z.literal('jwk'), name, kid }),
  z.strictObject({
    form: z.literal('disk-key'),
    name,
    kid,
    /** Hexadecimal; must be said, because a volume made with another salt does not open. */
    salt: z
      .string()
      .regex(/^(?:[0-9a-fA-F]{2})*$/, 'not hexadecimal')
      .transform(fromHex),
    label: z.string().min(1).optional(),
  }),
]);

/** The value of `AttestedSecrets`, decoded. */
export const attestedSecretsSchema = z
  .strictObject({
    folder: z.string().startsWith('/'),
    /** Octal; readable by the owner only unless the reading container runs as another user. */
    mode: z
      .enum(['0400', '0440', '0444'])
      .default('0400')
      .transform((text) => Number.parseInt(text, 8)),
    maa_endpoint: z.string().min(1),
    akv_endpoint: z.string().min(1),
    files: z.array(fileSchema).min(1).max(64),
  })
  .refine(({ files }) => new Set(files.map((file) => file.name)).size === files.length, 'two files have one name');

/** What secrets to provide, and where. */
export type AttestedSecretsSettings = z.output<typeof attestedSecretsSchema>;
export type AttestedSecretFile = AttestedSecretsSettings['files'][number];
