/** Flags that several commands share. */
export const jsonFlag = {
  kind: 'boolean',
  brief: 'Write JSON to standard output, also when it fails',
  default: false,
  withNegated: false,
} as const;

export const homeFlag = {
  kind: 'parsed',
  parse: String,
  brief: 'Home folder of the local cloud (./.holdfast)',
  placeholder: 'DIR',
  optional: true,
} as const;

/** Parses a whole number, or says what was seen. */
export function wholeNumber(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new SyntaxError(`"${text}" is not a whole number`);
  return Number(text);
}
