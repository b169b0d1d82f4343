import { errorMessage, PlatformError } from '@holdfast/base';

import type { Environment } from './config.ts';
import type { Logger } from './logger.ts';

/** What a service gets from the process it runs in. */
export interface ServiceHost {
  readonly env: Environment;
  /** The file of `--config`, if one was given. */
  readonly configFile: string | undefined;
  readonly logger: Logger;
  /** Asks the process to log `error` as its last line, stop the service and exit with the error's exit code. */
  fail(error: unknown): void;
}

/** A started service. `addresses` name each listener's URL. */
export interface RunningService {
  readonly addresses: Readonly<Record<string, string>>;
  /** Refuses new work, finishes what is under way, releases everything. */
  stop(): Promise<void>;
}

/** Resolves once the service is listening (not necessarily ready); rejects when it cannot start. */
export type StartService = (host: ServiceHost) => Promise<RunningService>;

/** Exit codes by error code; what is missing exits with 78 for configuration errors and 1 otherwise. */
export type ExitCodes = Readonly<Record<string, number>>;

export interface RunServiceOptions {
  readonly name: string;
  readonly start: StartService;
  readonly logger: Logger;
  readonly env: Environment;
  readonly configFile?: string;
  readonly exitCodes?: ExitCodes;
  /** Aborting it stops the service like SIGTERM. */
  readonly stopSignal: AbortSignal;
  /** How long a stop may take before the process ends anyway, in milliseconds. */
  readonly stopDeadlineMs?: number;
}

export const EXIT_OK = 0;
export const EXIT_FAILED = 1;
export const EXIT_USAGE = 64;
export const EXIT_CONFIG = 78;

/** The exit code of a failure: its own in `exitCodes`, 78 for configuration, else 1. */
export function exitCodeOf(error: unknown, exitCodes: ExitCodes = {}): number {
  if (!(error instanceof PlatformError)) return EXIT_FAILED;
  return exitCodes[error.code] ?? (error.family === 'config' ? EXIT_CONFIG : EXIT_FAILED);
}

/**
 * Runs one service in the foreground until `stopSignal` aborts or the service fails, and answers the exit code. The last
 * log line of a failure carries code, message and action, so a person can act on it.
 */
export async function runService(options: RunServiceOptions): Promise<number> {
  const { logger } = options;
  const failure = Promise.withResolvers<unknown>();
  let running: RunningService | undefined;
  try {
    running = await options.start({
      env: options.env,
      configFile: options.configFile,
      logger,
      fail: (error) => failure.resolve(error),
    });
  } catch (error) {
    return logFailure(error, options);
  }
  logger.info({ addresses: running.addresses }, `${options.name} listening`);
  const stopped = new Promise<undefined>((resolve) => {
    if (options.stopSignal.aborted) resolve(undefined);
    else options.stopSignal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
  const error = await Promise.race([failure.promise, stopped]);
  await stopWithin(running, options.stopDeadlineMs ?? 10_000, logger);
  if (error === undefined) {
    logger.info(`${options.name} stopped`);
    return EXIT_OK;
  }
  return logFailure(error, options);
}

async function stopWithin(running: RunningService, deadlineMs: number, logger: Logger): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<'late'>((resolve) => {
    timer = setTimeout(() => resolve('late'), deadlineMs);
    timer.unref();
  });
  try {
    const outcome = await Promise.race([running.stop(), deadline]);
    if (outcome === 'late') logger.warn({ deadlineMs }, 'stop took too long; leaving unfinished work');
  } catch (error) {
    logger.error({ reason: errorMessage(error) }, 'stop failed');
  } finally {
    clearTimeout(timer);
  }
}

function logFailure(error: unknown, options: RunServiceOptions): number {
  const exitCode = exitCodeOf(error, options.exitCodes);
  if (error instanceof PlatformError) {
    const { code, action, details } = error;
    options.logger.fatal({ code, action, details, exitCode, cause: causes(error) }, error.message);
  } else {
    options.logger.fatal(
      { code: 'INTERNAL', exitCode, stack: error instanceof Error ? error.stack : undefined },
      errorMessage(error),
    );
  }
  return exitCode;
}

function causes(error: Error): string[] {
  const texts: string[] = [];
  for (let cause = error.cause; cause !== undefined && texts.length < 5;) {
    texts.push(errorMessage(cause));
    cause = cause instanceof Error ? cause.cause : undefined;
  }
  return texts;
}
