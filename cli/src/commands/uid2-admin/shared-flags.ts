import { wholeNumber } from '../flags.ts';
import { environment, protocol } from './parsers.ts';

/** The environment letter of new keys, where the world shows none yet or another one is wanted. */
export const environmentFlag = {
  kind: 'parsed',
  parse: environment,
  brief: 'Environment letter of new keys: I, P, L or T (that of the keys there are)',
  placeholder: 'LETTER',
  optional: true,
} as const;

export const siteFilter = {
  kind: 'parsed',
  parse: wholeNumber,
  brief: 'Only those of this site',
  placeholder: 'SITE',
  optional: true,
} as const;

export const siteFlag = { kind: 'parsed', parse: wholeNumber, brief: 'Id of its site', placeholder: 'SITE' } as const;

export const protocolFlag = {
  kind: 'parsed',
  parse: protocol,
  brief: 'How the operator attests: azure-cc, aws-nitro, gcp-oidc, trusted',
  placeholder: 'PROTOCOL',
  default: 'azure-cc',
} as const;
