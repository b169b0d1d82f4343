import { homeFlag, jsonFlag } from '../flags.ts';

/** Which world a command works on. */
export interface WorldFlags {
  readonly world?: string;
  readonly home?: string;
  readonly json: boolean;
}

export interface ChangeFlags extends WorldFlags {
  readonly yes: boolean;
}

export const worldFlags = {
  world: {
    kind: 'parsed',
    parse: String,
    brief: "Core's bucket: a folder, or the URL of a blob container (world/core in the home folder)",
    placeholder: 'DIR|URL',
    optional: true,
  },
  home: homeFlag,
  json: jsonFlag,
} as const;

export const changeFlags = {
  ...worldFlags,
  yes: {
    kind: 'boolean',
    brief: 'Do it even if somebody is cut off by it, without asking',
    default: false,
    withNegated: false,
  },
} as const;

/** An option with any text, required unless it is given as optional. */
export function textFlag(brief: string, placeholder: string) {
  return { kind: 'parsed', parse: String, brief, placeholder } as const;
}

export function optionalTextFlag(brief: string, placeholder: string) {
  return { ...textFlag(brief, placeholder), optional: true } as const;
}

/** An option that takes several texts, separated by commas. */
export function listFlag(brief: string, placeholder: string) {
  return { kind: 'parsed', parse: String, brief, placeholder, variadic: ',', optional: true } as const;
}

export function switchFlag(brief: string) {
  return { kind: 'boolean', brief, default: false, withNegated: false } as const;
}

/** The texts of a list option that are not blank; `--domains ''` empties a list. */
export function listed(texts: readonly string[]): readonly string[] {
  return texts.map((text) => text.trim()).filter((text) => text !== '');
}
