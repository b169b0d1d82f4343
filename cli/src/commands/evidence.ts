import { buildCommand, buildRouteMap } from '@stricli/core';
import type { Command, RouteMap } from '@stricli/core';

import type { CliContext } from '../context.ts';
import { jsonFlag } from './flags.ts';
import { lazily } from './lazily.ts';

export interface InspectFlags {
  readonly json: boolean;
}

export interface VerifyFlags extends InspectFlags {
  /** Milliseconds since the epoch. */
  readonly at?: number;
  readonly root?: readonly string[];
  readonly fetch: boolean;
}

const files = {
  kind: 'array',
  parameter: {
    brief: 'Evidence: a file, or a security-context folder; more files are parts of the same evidence',
    placeholder: 'FILE',
    parse: String,
  },
  minimum: 1,
} as const;

const KINDS =
  'Recognised: SNP reports (raw, hex, Base64, with certificates or certificate table, configfs-tsm JSON, attest requests), ' +
  'host certificate JSON (THIM), certificates, revocation lists, endorsements of utility VMs (COSE), vTPM evidence, ' +
  'paravisor reports, attestation tokens (JWT), key sets, security policies, security-context folders.';

const inspectCommand: Command<CliContext> = buildCommand<InspectFlags, string[], CliContext>({
  loader: lazily(async () => (await import('../evidence/run-inspect.ts')).runInspect),
  parameters: { flags: { json: jsonFlag }, positional: files },
  docs: {
    brief: 'Say what a piece of evidence is and what it claims, without judging it',
    fullDescription: `${KINDS} Nothing is verified and nothing is fetched.`,
  },
});

const verifyCommand: Command<CliContext> = buildCommand<VerifyFlags, string[], CliContext>({
  loader: lazily(async () => (await import('../evidence/run-verify.ts')).runVerify),
  parameters: {
    flags: {
      at: {
        kind: 'parsed',
        parse: instant,
        brief: 'Judge as of this moment, such as 2025-06-01 or 2025-06-01T12:00:00Z (now)',
        placeholder: 'DATE',
        optional: true,
      },
      root: {
        kind: 'parsed',
        parse: String,
        brief: 'Certificates to trust beside the built-in pins: roots, and the issuers under them',
        placeholder: 'FILE',
        variadic: true,
        optional: true,
      },
      fetch: {
        kind: 'boolean',
        brief: "Fetch what is missing: AMD's certificates and revocation lists, the key set of a token's issuer",
        default: false,
        withNegated: false,
      },
      json: jsonFlag,
    },
    positional: files,
  },
  docs: {
    brief: 'Judge evidence: every check in order, the first that failed, and what was not checked',
    fullDescription:
      `Exits with 0 when every check holds and with 1 when one does not. Works offline unless --fetch is given. ${KINDS} ` +
      'Files given together are judged together: a report with its certificates, endorsement, policy and revocation list; a token ' +
      "with its issuer's key set.",
  },
});

export const evidenceRoutes: RouteMap<CliContext> = buildRouteMap({
  routes: { inspect: inspectCommand, verify: verifyCommand },
  docs: { brief: 'Look at attestation evidence and judge it' },
});

/** A date or a time, in UTC unless it says otherwise, as milliseconds since the epoch. */
function instant(text: string): number {
  const time = /^\d{4}-\d{2}-\d{2}(?:T[\d:.]+(?:Z|[+-]\d{2}:\d{2}))?$/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(time)) throw new SyntaxError(`"${text}" is not a date such as 2025-06-01 or 2025-06-01T12:00:00Z`);
  return time;
}
