/** An option that is off unless it is given. */
export const switchFlag = (brief: string) => ({ kind: 'boolean', brief, default: false, withNegated: false }) as const;

/** An option with any text, required unless it is given as optional. */
export const textFlag = (brief: string, placeholder: string) =>
  ({ kind: 'parsed', parse: String, brief, placeholder }) as const;

export const optionalTextFlag = (brief: string, placeholder: string) =>
  ({ ...textFlag(brief, placeholder), optional: true }) as const;

export const optionalFileFlag = (brief: string) => optionalTextFlag(brief, 'FILE');

/** Flags that several commands share. */
export const jsonFlag = switchFlag('Write JSON to standard output, also when it fails');

export const homeFlag = optionalTextFlag('Home folder of the local cloud (./.holdfast)', 'DIR');

/** Which cloud a command changes or looks at. */
export const targetFlag = {
  kind: 'enum',
  values: ['azure', 'local'],
  brief: 'The cloud that is worked in: the real one (default), or the local one of holdfast up',
  optional: true,
} as const;

/** Parses a whole number, or says what was seen. */
export function wholeNumber(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new SyntaxError(`"${text}" is not a whole number`);
  return Number(text);
}
