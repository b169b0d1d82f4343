import { ConfigError, errorMessage, PlatformError } from '@holdfast/base';

import { writeJson } from './context.ts';
import type { CliIo } from './context.ts';

/** Exit codes of the command line; `holdfast serve` adds those of its services. */
export const EXIT_OK = 0;
export const EXIT_FAILED = 1;
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
}

/** The failure of a thrown value. */
export function failureOf(thrown: unknown): Failure {
  if (thrown instanceof PlatformError) {
    const exitCode = thrown instanceof ConfigError ? EXIT_CONFIG : EXIT_FAILED;
    return { code: thrown.code, message: thrown.message, action: thrown.action, exitCode };
  }
  return {
    code: 'INTERNAL',
    message: errorMessage(thrown),
    action: 'This is a defect of holdfast; set HOLDFAST_DEBUG=1 to see where it happened, and report it.',
    exitCode: EXIT_FAILED,
  };
}

/** The failure of a command line that cannot be understood. */
export function usageFailure(message: string, action: string): Failure {
  return { code: 'USAGE', message, action, exitCode: EXIT_USAGE };
}

/** The one place where failures are shown: a sentence on standard error, or with `json` an object on standard output. */
export function renderFailure(failure: Failure, json: boolean, io: CliIo): void {
  const { code, message, action } = failure;
  if (json) {
    writeJson(io, { error: { code, message, action: action ?? null } });
    return;
  }
  io.stderr.write(`holdfast: ${sentence(message)}${action === undefined ? '' : ` ${sentence(action)}`} [${code}]\n`);
}

function sentence(text: string): string {
  const trimmed = text.trim();
  return /[.!?]$/.test(trimmed) ? trimmed : `${trimmed}.`;
}
