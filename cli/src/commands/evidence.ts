import { buildCommand, buildRouteMap } from '@stricli/core';
import type { Command, RouteMap } from '@stricli/core';

import type { SnpTcb } from '@holdfast/attestation';

import type { CliContext } from '../context.ts';
import { hostData, instant, measurement, nonce, reportData, tcb, vmpl } from './evidence-values.ts';
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
  /** 64 bytes. */
  readonly reportData?: Uint8Array;
  readonly runtimeData?: string;
  readonly nonce?: string;
  readonly hostData?: Uint8Array;
  readonly policy?: string;
  readonly measurement?: Uint8Array;
  readonly minTcb?: SnpTcb;
  readonly provider?: readonly string[];
  readonly vmpl?: readonly number[];
  readonly issuer?: string;
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
      reportData: {
        kind: 'parsed',
        parse: reportData,
        brief: 'Report data that the report must carry: 64 bytes in hexadecimal, or 32 that zeros follow',
        placeholder: 'HEX',
        optional: true,
      },
      runtimeData: {
        kind: 'parsed',
        parse: String,
        brief: 'File with the data whose SHA-256 the report data must start with, zeros after it',
        placeholder: 'FILE',
        optional: true,
      },
      nonce: {
        kind: 'parsed',
        parse: nonce,
        brief: 'Nonce that a token or a TPM quote must carry: text, or hex: and hexadecimal',
        placeholder: 'TEXT',
        optional: true,
      },
      hostData: {
        kind: 'parsed',
        parse: hostData,
        brief: 'Host data that the guest must show: 32 bytes in hexadecimal',
        placeholder: 'HEX',
        optional: true,
      },
      policy: {
        kind: 'parsed',
        parse: String,
        brief: 'File with the policy (text or Base64) whose SHA-256 the host data must be',
        placeholder: 'FILE',
        optional: true,
      },
      measurement: {
        kind: 'parsed',
        parse: measurement,
        brief: 'Launch measurement that the guest must show: 48 bytes in hexadecimal',
        placeholder: 'HEX',
        optional: true,
      },
      minTcb: {
        kind: 'parsed',
        parse: tcb,
        brief: 'Least reported TCB by component: bootloader, tee, snp, microcode, fmc; such as snp=24,microcode=219',
        placeholder: 'TCB',
        optional: true,
      },
      provider: {
        kind: 'parsed',
        parse: String,
        brief: 'Cloud provider whose VLEK is accepted, as its certificate names it (none)',
        placeholder: 'NAME',
        variadic: true,
        optional: true,
      },
      vmpl: {
        kind: 'parsed',
        parse: vmpl,
        brief: 'Privilege level that is accepted (0)',
        placeholder: 'N',
        variadic: true,
        optional: true,
      },
      issuer: {
        kind: 'parsed',
        parse: String,
        brief: 'Issuer that a token must have, exactly as it stands in it',
        placeholder: 'URL',
        optional: true,
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
      "with its issuer's key set. An expectation that nothing in the evidence can be compared with fails.",
  },
});

export const evidenceRoutes: RouteMap<CliContext> = buildRouteMap({
  routes: { inspect: inspectCommand, verify: verifyCommand },
  docs: { brief: 'Look at attestation evidence and judge it' },
});
