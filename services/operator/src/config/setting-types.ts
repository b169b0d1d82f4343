import { z } from 'zod';

/** Text that the environment's typing may have turned into a number or a boolean. */
export const text = z.preprocess((value) => (typeof value === 'string' ? value : scalarText(value)), z.string());
/** `true` in any case is true; every other text is false, as the reference's launch layer reads it. */
export const flagText = z.preprocess(
  (value) => (typeof value === 'string' ? value.toLowerCase() === 'true' : value),
  z.boolean().optional(),
);

/** The values of a group of settings, as the schema gives them. */
export type Values<Group extends z.ZodRawShape> = z.output<z.ZodObject<Group>>;

function scalarText(value: unknown): unknown {
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : value;
}
