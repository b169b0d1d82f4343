import type { ImageFlags } from '../policy/image-flags.ts';
import { optionalFileFlag, optionalTextFlag, switchFlag } from './flags.ts';

/** Flags of several of the policy commands. */

export const optionalFiles = (brief: string, placeholder = 'FILE') =>
  ({ kind: 'parsed', parse: String, brief, placeholder, optional: true, variadic: true }) as const;

export const optionalChoice = <const T extends string>(brief: string, values: readonly [T, ...T[]]) =>
  ({ kind: 'enum', values, brief, optional: true }) as const;

/** Parses 64 hexadecimal characters in any case. */
export function digest(text: string): string {
  if (!/^[0-9a-f]{64}$/iu.test(text)) {
    throw new SyntaxError(`"${text.slice(0, 80)}" is not the hexadecimal form of 32 bytes`);
  }
  return text.toLowerCase();
}

export const policyType = optionalChoice('Kind of policy; recognised when missing', ['cce', 'kata']);

/** Where facts of images come from. */
export const imageFlags = {
  tar: optionalTextFlag(
    'Archive of the image (docker save, OCI layout), or JSON map from references to archives',
    'FILE|MAP',
  ),
  imageFacts: optionalFileFlag('Recorded facts of images; nothing is fetched then'),
  saveImageFacts: optionalFileFlag('Record the facts of all images that were needed'),
  cacheFolder: optionalTextFlag('Where root hashes of layers are remembered (~/.cache/holdfast/layers)', 'DIR'),
  noCache: switchFlag('Read every layer again'),
  insecureRegistry: optionalFiles('Registry to speak to without TLS; may be repeated', 'HOST:PORT'),
} as const;

export type { ImageFlags };

export const typeOptions = { type: policyType } as const;
