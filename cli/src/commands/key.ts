import { buildCommand, buildRouteMap } from '@stricli/core';
import type { Command, RouteMap } from '@stricli/core';

import type { CliContext } from '../context.ts';
import { homeFlag, jsonFlag, optionalTextFlag, switchFlag, wholeNumber } from './flags.ts';
import { lazily } from './lazily.ts';

/** Which vault; without --vault that of the local cloud. */
export interface VaultFlags {
  readonly vault?: string;
  readonly home?: string;
  readonly json: boolean;
}

/** The release policy of a new key: a file, or the claims of a confidential pod. */
export interface PolicyFlags {
  readonly policy?: string;
  readonly attestation?: string;
  readonly hostData?: string;
  readonly status?: string;
  readonly immutable: boolean;
}

export interface NewKeyFlags extends VaultFlags, PolicyFlags {
  readonly operations?: readonly string[];
  readonly files?: string;
}

export type KeyKindName = 'RSA-HSM' | 'EC-HSM' | 'oct-HSM' | 'RSA' | 'EC' | 'oct';

export interface CreateKeyFlags extends NewKeyFlags {
  readonly kind: KeyKindName;
  readonly size?: number;
  readonly curve?: string;
}

export interface ShowKeyFlags extends VaultFlags {
  readonly version?: string;
}

export interface KeyPolicyFlags extends VaultFlags {
  readonly set?: string;
  readonly immutable: boolean;
}

export interface ReleaseKeyFlags extends VaultFlags {
  readonly token?: string;
  readonly version?: string;
  readonly nonce?: string;
  readonly sidecar?: string;
  readonly attestation?: string;
}

const vault = {
  vault: optionalTextFlag('Vault or managed HSM; the one of the local cloud when missing', 'URL'),
  home: homeFlag,
  json: jsonFlag,
} as const;

const newKey = {
  policy: optionalTextFlag('Release policy as a JSON file; makes the key exportable', 'FILE'),
  attestation: optionalTextFlag('Instead of --policy: attestation service whose tokens release the key', 'HOST'),
  hostData: optionalTextFlag('With --attestation: SHA-256 of the policy of the pod, in hex', 'HEX'),
  status: optionalTextFlag('With --attestation: compliance status (azure-compliant-uvm)', 'STATUS'),
  immutable: switchFlag('The release policy can never be changed'),
  operations: {
    kind: 'parsed',
    parse: String,
    variadic: ',',
    brief: 'Operations the key is for, such as wrapKey,unwrapKey',
    placeholder: 'OPS',
    optional: true,
  },
  files: optionalTextFlag('Also write NAME-release-policy.json, NAME-pub.pem and NAME-info.json here', 'DIR'),
  ...vault,
} as const;

const nameArgument = { brief: 'Name of the key', placeholder: 'NAME', parse: String } as const;
const SIGN_IN =
  'The local vault is used with the administrator of the home folder, any other with the identity that the Azure SDKs find.';

const createKeyCommand: Command<CliContext> = buildCommand<CreateKeyFlags, [string], CliContext>({
  loader: lazily(async () => (await import('../key/run-create.ts')).runCreate),
  parameters: {
    flags: {
      kind: {
        kind: 'enum',
        values: ['RSA-HSM', 'EC-HSM', 'oct-HSM', 'RSA', 'EC', 'oct'],
        brief: 'Kind of key; only -HSM keys can be released',
        default: 'RSA-HSM',
      },
      size: {
        kind: 'parsed',
        parse: wholeNumber,
        brief: 'Bits of an RSA or oct key (RSA: 3072)',
        placeholder: 'N',
        optional: true,
      },
      curve: optionalTextFlag('Curve of an EC key (P-256)', 'CURVE'),
      ...newKey,
    },
    positional: { kind: 'tuple', parameters: [nameArgument] },
  },
  docs: {
    brief: 'Create a key, with a release policy if it is to be released',
    fullDescription: `Writes the key to standard output, never its private part. ${SIGN_IN}`,
  },
});

const importKeyCommand: Command<CliContext> = buildCommand<NewKeyFlags, [string, string], CliContext>({
  loader: lazily(async () => (await import('../key/run-import.ts')).runImport),
  parameters: {
    flags: newKey,
    positional: {
      kind: 'tuple',
      parameters: [nameArgument, { brief: 'Private key: PEM or JWK', placeholder: 'FILE', parse: String }],
    },
  },
  docs: {
    brief: 'Import a private key into hardware, with a release policy if it is to be released',
    fullDescription: `Writes the key to standard output, never its private part. ${SIGN_IN}`,
  },
});

const listKeysCommand: Command<CliContext> = buildCommand<VaultFlags, [], CliContext>({
  loader: lazily(async () => (await import('../key/run-list.ts')).runList),
  parameters: { flags: vault },
  docs: { brief: 'List the keys of a vault', fullDescription: `Name, kind, and what may be done with it. ${SIGN_IN}` },
});

const showKeyCommand: Command<CliContext> = buildCommand<ShowKeyFlags, [string], CliContext>({
  loader: lazily(async () => (await import('../key/run-show.ts')).runShow),
  parameters: {
    flags: { version: optionalTextFlag('A version other than the newest', 'VERSION'), ...vault },
    positional: { kind: 'tuple', parameters: [nameArgument] },
  },
  docs: {
    brief: 'Show a key: versions, operations, release policy',
    fullDescription: `Shows the public part only. ${SIGN_IN}`,
  },
});

const keyPolicyCommand: Command<CliContext> = buildCommand<KeyPolicyFlags, [string], CliContext>({
  loader: lazily(async () => (await import('../key/run-policy.ts')).runPolicy),
  parameters: {
    flags: {
      set: optionalTextFlag('Put this JSON file in place of the policy', 'FILE'),
      immutable: switchFlag('With --set: the policy can never be changed again'),
      ...vault,
    },
    positional: { kind: 'tuple', parameters: [nameArgument] },
  },
  docs: {
    brief: 'Write the release policy of a key to standard output, or set it',
    fullDescription: `A policy is checked and normalised before it is sent. ${SIGN_IN}`,
  },
});

const releaseKeyCommand: Command<CliContext> = buildCommand<ReleaseKeyFlags, [string], CliContext>({
  loader: lazily(async () => (await import('../key/run-release.ts')).runRelease),
  parameters: {
    flags: {
      token: optionalTextFlag('File with an attestation token, or - for standard input', 'FILE'),
      sidecar: optionalTextFlag('Instead of --token: sidecar of this pod, which attests and unwraps', 'URL'),
      attestation: optionalTextFlag('With --sidecar: attestation service', 'HOST'),
      version: optionalTextFlag('A version other than the newest', 'VERSION'),
      nonce: optionalTextFlag('With --token: text that the answer must carry', 'TEXT'),
      ...vault,
    },
    positional: { kind: 'tuple', parameters: [nameArgument] },
  },
  docs: {
    brief: 'Ask for the release of a key',
    fullDescription:
      'With --token, writes the signed answer of the vault, whose key only the attested environment can unwrap. With ' +
      `--sidecar, writes the private JWK: run it inside the pod. ${SIGN_IN}`,
  },
});

export const keyRoutes: RouteMap<CliContext> = buildRouteMap({
  routes: {
    create: createKeyCommand,
    import: importKeyCommand,
    list: listKeysCommand,
    show: showKeyCommand,
    policy: keyPolicyCommand,
    release: releaseKeyCommand,
  },
  docs: { brief: 'Keys that a vault releases to attested environments' },
});
