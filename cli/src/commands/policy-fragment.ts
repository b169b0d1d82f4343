import { buildCommand, buildRouteMap } from '@stricli/core';
import type { Command, RouteMap } from '@stricli/core';

import type { CliContext } from '../context.ts';
import { jsonFlag, textFlag } from './flags.ts';
import { lazily } from './lazily.ts';

export interface FragmentSignFlags {
  readonly json: boolean;
  readonly key: string;
  readonly chain: string;
  readonly feed: string;
  readonly issuerPolicy: string;
  readonly svn?: string;
  readonly output: string;
}

export interface FragmentVerifyFlags {
  readonly json: boolean;
  readonly at?: Date;
}

const signCommand: Command<CliContext> = buildCommand<FragmentSignFlags, [string], CliContext>({
  loader: lazily(async () => (await import('../policy/run-fragment-sign.ts')).runFragmentSign),
  parameters: {
    flags: {
      json: jsonFlag,
      key: textFlag('Private key (PEM): EC P-384 signs ES384, RSA signs PS384', 'FILE'),
      chain: textFlag('Its certificates (PEM), leaf first, root last', 'FILE'),
      feed: textFlag('Where the fragment will be published, such as contoso.azurecr.io/sidecar', 'FEED'),
      issuerPolicy: textFlag('What the issuer says of the leaf, such as eku:1.3.6.1.4.1.311.76.59.1.3', 'POLICY'),
      svn: {
        ...textFlag('Security version for the header; that of the text counts when missing', 'N'),
        optional: true,
      },
      output: textFlag('Where the signed fragment goes', 'FILE'),
    },
    positional: {
      kind: 'tuple',
      parameters: [{ brief: 'Text of the fragment; - for standard input', placeholder: 'FILE', parse: String }],
    },
  },
  docs: {
    brief: 'Sign a fragment (COSE_Sign1), and say with which import a policy admits it',
    fullDescription:
      '`policy generate --fragment-namespace` makes the text. What was signed is verified before it is written, so a chain that does not fit ' +
      'the key, or an issuer policy that the leaf does not meet, is refused here and not by a guest.',
  },
});

const verifyCommand: Command<CliContext> = buildCommand<FragmentVerifyFlags, [string], CliContext>({
  loader: lazily(async () => (await import('../policy/run-fragment-verify.ts')).runFragmentVerify),
  parameters: {
    flags: {
      json: jsonFlag,
      at: {
        kind: 'parsed',
        parse: instant,
        brief: 'Instant at which the certificates must be valid; not judged when missing, as a guest does not',
        placeholder: 'DATE',
        optional: true,
      },
    },
    positional: {
      kind: 'tuple',
      parameters: [{ brief: 'Signed fragment (COSE_Sign1)', placeholder: 'FILE', parse: String }],
    },
  },
  docs: { brief: 'Verify a signed fragment: signature, chain and issuer; show the import that admits it' },
});

function instant(text: string): Date {
  const date = new Date(text);
  if (Number.isNaN(date.getTime())) throw new SyntaxError(`"${text}" is not a date such as 2026-11-22`);
  return date;
}

export const fragmentRoutes: RouteMap<CliContext> = buildRouteMap({
  routes: { sign: signCommand, verify: verifyCommand },
  docs: { brief: 'Sign and verify fragments of confidential policies' },
});
