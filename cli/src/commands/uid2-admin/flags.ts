import { homeFlag, jsonFlag, optionalTextFlag, switchFlag } from '../flags.ts';

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
  world: optionalTextFlag(
    "Core's bucket: a folder, or the URL of a blob container (world/core in the home folder)",
    'DIR|URL',
  ),
  home: homeFlag,
  json: jsonFlag,
} as const;

export const changeFlags = {
  ...worldFlags,
  yes: switchFlag('Do it even if somebody is cut off by it, without asking'),
} as const;

/** An option that takes several texts, separated by commas. */
export function listFlag(brief: string, placeholder: string) {
  return { kind: 'parsed', parse: String, brief, placeholder, variadic: ',', optional: true } as const;
}

/** The texts of a list option that are not blank; `--domains ''` empties a list. */
export function listed(texts: readonly string[]): readonly string[] {
  return texts.map((text) => text.trim()).filter((text) => text !== '');
}
