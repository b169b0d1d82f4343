import { ConfigError, errorMessage, PlatformError } from '@holdfast/base';
import type { ErrorDetails } from '@holdfast/base';

import { writeJson } from './context.ts';
import type { CliIo } from './context.ts';

/** Exit codes of the command line; `holdfast serve` adds those of its services. */
export const EXIT_OK = 0;
export const EXIT_FAILED = 1;
/** What `holdfast policy` was given to read cannot be read, or is not what it takes. */
export const EXIT_UNREADABLE = 3;
/** A policy with rules of its own, which only a full evaluator of Rego can judge. */
export const EXIT_NOT_EVALUABLE = 4;
export const EXIT_USAGE = 64;
export const EXIT_CONFIG = 78;
/** 128 + SIGINT, as shells report it. */
export const EXIT_INTERRUPTED = 130;

/** Why a command ended without doing its work. */
export interface Failure {
  readonly code: string;
  readonly message: string;
  readonly action: string | undefined;
  readonly exitCode: number;
  /** Facts for programs, such as the exit code of a container that ended. */
  readonly details?: ErrorDetails;
}

/** Codes that say the command line, or what it reads as input, is wrong, although its grammar was right. */
const USAGE_CODES: ReadonlySet<string> = new Set([
  'CHECK_UNKNOWN',
  'DETECT_SOURCE',
  'SAMPLE_NOTHING_TO_MIGRATE',
  'EVIDENCE_AMBIGUOUS',
  'EVIDENCE_NOTHING_TO_JUDGE',
  'EVIDENCE_ROOT_INVALID',
  'EVIDENCE_EXPECTATION_INVALID',
  'EVIDENCE_UNREADABLE',
  'INITDATA_OPTIONS_CONFLICT',
  'EXPORT_FOLDER_MISSING',
  'INPUT_MISSING',
  'INPUT_TOO_LARGE',
  'INPUT_UNREADABLE',
  'IDENTITY_RESOURCE_ID_INVALID',
  'KEY_OPTIONS_CONFLICT',
  'LOCAL_CLOUD_PART_UNKNOWN',
  'POD_IDENTITY_NAME_INVALID',
  'POD_LABELS_INVALID',
  'PEER_POD_INVALID',
  'PEER_POD_OPTIONS_CONFLICT',
  'PEER_POD_SEAL_INVALID',
  'POD_UNNAMED',
  'REDIRECT_OPTIONS',
  'POLICY_OPTIONS_CONFLICT',
  'PORT_BASE_INVALID',
  'CCE_NAMESPACE_INVALID',
  'CCE_OPTION_INVALID',
  'CCE_WILDCARD_NEEDED',
  'ROTATE_OPTIONS_CONFLICT',
  'TARBALL_MAP_INVALID',
  'TOKEN_EXPIRATION_INVALID',
  'RELEASE_POLICY_INVALID',
  'SERVICE_NOT_IN_IMAGE',
  'STAGE_UNKNOWN',
  'UID2_ADDRESS_INVALID',
  'UID2_CONNECTION_INCOMPLETE',
  'VAULT_NOT_NAMED',
  'WORLD_SIZE_INVALID',
]);

/** The failure of a thrown value. */
export function failureOf(thrown: unknown): Failure {
  if (thrown instanceof PlatformError) {
    const { code, message, action, details } = thrown;
    return { code, message, action, exitCode: exitCodeOf(thrown), details };
  }
  return {
    code: 'INTERNAL',
    message: errorMessage(thrown),
    action: 'This is a defect of holdfast; set HOLDFAST_DEBUG=1 to see where it happened, and report it.',
    exitCode: EXIT_FAILED,
  };
}

function exitCodeOf(error: PlatformError): number {
  if (error instanceof ConfigError) return EXIT_CONFIG;
  return USAGE_CODES.has(error.code) ? EXIT_USAGE : EXIT_FAILED;
}

const NOT_EVALUABLE_CODES: ReadonlySet<string> = new Set([
  'CCE_GUEST_UNSUPPORTED',
  'KATA_RULES_UNKNOWN',
  'REGEX_BUDGET_EXCEEDED',
  'REGO_CUSTOM_RULE',
]);

/** Codes of documents, policies and recordings that `holdfast policy` cannot use as they are. */
const UNREADABLE_CODES =
  /^(?:CCE|KATA|REGO|REGEX|MANIFEST)_|^IMAGE_(?:FACTS|REFERENCE)_|^LAYOUT_|^POLICY_(?:INPUT|LAYER)_UNREADABLE$/u;

/** A failure of `holdfast policy`, whose exit codes tell input that cannot be used from a negative verdict. */
export function policyFailure(failure: Failure): Failure {
  if (failure.exitCode !== EXIT_FAILED) return failure;
  // A signature that does not hold is a verdict on a fragment, which could be read.
  if (failure.code === 'CCE_FRAGMENT_UNTRUSTED') return failure;
  if (NOT_EVALUABLE_CODES.has(failure.code)) return { ...failure, exitCode: EXIT_NOT_EVALUABLE };
  return UNREADABLE_CODES.test(failure.code) ? { ...failure, exitCode: EXIT_UNREADABLE } : failure;
}

/** The failure of a command line that cannot be understood. */
export function usageFailure(message: string, action: string): Failure {
  return { code: 'USAGE', message, action, exitCode: EXIT_USAGE };
}

/** The one place where failures are shown: a sentence on standard error, or with `json` an object on standard output. */
export function renderFailure(failure: Failure, json: boolean, io: CliIo): void {
  const { code, message, action, details } = failure;
  if (json) {
    writeJson(io, { error: { code, message, action: action ?? null, ...(hasMembers(details) ? { details } : {}) } });
    return;
  }
  io.stderr.write(`holdfast: ${sentence(message)}${action === undefined ? '' : ` ${sentence(action)}`} [${code}]\n`);
}

function hasMembers(details: ErrorDetails | undefined): boolean {
  return details !== undefined && Object.keys(details).length > 0;
}

function sentence(text: string): string {
  const trimmed = text.trim();
  return /[.!?]$/.test(trimmed) ? trimmed : `${trimmed}.`;
}
