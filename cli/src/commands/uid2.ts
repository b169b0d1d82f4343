import { buildCommand, buildRouteMap } from '@stricli/core';
import type { Command, RouteMap } from '@stricli/core';

import type { CliContext } from '../context.ts';
import { homeFlag, jsonFlag } from './flags.ts';
import { lazily } from './lazily.ts';
import { uid2AdminRoutes } from './uid2-admin/index.ts';

/** Where the operator is; the key and secret come from the environment or from the home folder, never from here. */
export interface ConnectionFlags {
  readonly operator?: string;
  readonly home?: string;
  readonly json: boolean;
}

export interface TokenFlags extends ConnectionFlags {
  readonly email?: string;
  readonly emailHash?: string;
  readonly phone?: string;
  readonly phoneHash?: string;
}

export interface MapFlags extends ConnectionFlags {
  readonly as: DiiKindName;
}

export type DiiKindName = 'email' | 'email-hash' | 'phone' | 'phone-hash';

const connection = {
  operator: {
    kind: 'parsed',
    parse: String,
    brief: 'Address of the operator (UID2_BASE_URL, or the local one)',
    placeholder: 'URL',
    optional: true,
  },
  home: homeFlag,
  json: jsonFlag,
} as const;

function identityFlag(brief: string) {
  return { kind: 'parsed', parse: String, brief, placeholder: 'X', optional: true } as const;
}

const CREDENTIALS =
  'API key and secret come from UID2_API_KEY and UID2_CLIENT_SECRET, or from the home folder of the local cloud.';

const tokenCommand: Command<CliContext> = buildCommand<TokenFlags, [], CliContext>({
  loader: lazily(async () => (await import('../uid2/run-token.ts')).runToken),
  parameters: {
    flags: {
      email: identityFlag('E-mail address'),
      emailHash: identityFlag('Base64 SHA-256 of the normalised address'),
      phone: identityFlag('Phone number, such as +12345678901'),
      phoneHash: identityFlag('Base64 SHA-256 of the phone number'),
      ...connection,
    },
  },
  docs: {
    brief: 'Generate an advertising token',
    fullDescription: `Writes the token to standard output; exits with 1 for an identity that opted out. ${CREDENTIALS}`,
  },
});

const mapCommand: Command<CliContext> = buildCommand<MapFlags, string[], CliContext>({
  loader: lazily(async () => (await import('../uid2/run-map.ts')).runMap),
  parameters: {
    flags: {
      as: {
        kind: 'enum',
        values: ['email', 'email-hash', 'phone', 'phone-hash'],
        brief: 'What the inputs are',
        default: 'email',
      },
      ...connection,
    },
    positional: {
      kind: 'array',
      parameter: { brief: 'Identities; without any, one a line from standard input', placeholder: 'X', parse: String },
    },
  },
  docs: {
    brief: 'Map identities to raw UIDs',
    fullDescription: `Writes "input, tab, raw UID" per line, in order. ${CREDENTIALS}`,
  },
});

const decryptCommand: Command<CliContext> = buildCommand<ConnectionFlags, [string?], CliContext>({
  loader: lazily(async () => (await import('../uid2/run-decrypt.ts')).runDecrypt),
  parameters: {
    flags: connection,
    positional: {
      kind: 'tuple',
      parameters: [
        {
          brief: 'Advertising token; from standard input when missing',
          placeholder: 'TOKEN',
          parse: String,
          optional: true,
        },
      ],
    },
  },
  docs: {
    brief: 'Decrypt an advertising token with the keys the operator shares',
    fullDescription: `Fetches the keys from /v2/key/sharing and reads the token as an SDK does. ${CREDENTIALS}`,
  },
});

export const uid2Routes: RouteMap<CliContext> = buildRouteMap({
  routes: { token: tokenCommand, map: mapCommand, decrypt: decryptCommand, ...uid2AdminRoutes },
  docs: { brief: 'Talk to an operator as a UID2 client, and administer its world' },
});
