import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';

import { DependencyError } from '@holdfast/base';
import { HttpClient } from '@holdfast/http';
import { writeFileAtomic } from '@holdfast/process';

import { lastLogLine, lastLogWords } from '../process/log-file.ts';
import { describeExit, ManagedProcess } from '../process/managed-process.ts';
import type { ProcessExit } from '../process/managed-process.ts';
import { pause } from '../virtual-node/readiness-probe.ts';
import type { ServiceConfig } from './service-configs.ts';

export interface LocalServiceOptions {
  /** The name `holdfast serve` knows. */
  readonly name: string;
  readonly config: ServiceConfig;
  readonly configFile: string;
  readonly logFile: string;
  /** Command line of `holdfast serve`. */
  readonly serve: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** Answers 200 once the service can be used. */
  readonly healthUrl: string;
  /** The CA of `healthUrl`, PEM. */
  readonly ca: string;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly onStarted: (process: ManagedProcess) => void;
  /** Told when the service ends although nobody asked it to. */
  readonly onExit: (exit: ProcessExit, lastLine: string | undefined) => void;
}

export interface LocalService {
  readonly pid: number;
  stop(): Promise<void>;
}

const GRACE_MS = 10_000;
const POLL_MS = 50;
const POLL_TIMEOUT_MS = 2000;

/**
 * Writes a service's configuration, starts it as a child process and waits until it is healthy.
 * @throws DependencyError SERVICE_EXITED with its last log line
 * @throws DependencyError SERVICE_NOT_READY when it is not healthy in time
 */
export async function startLocalService(options: LocalServiceOptions): Promise<LocalService> {
  const { name, configFile, logFile, serve } = options;
  await mkdir(dirname(configFile), { recursive: true, mode: 0o700 });
  await mkdir(dirname(logFile), { recursive: true, mode: 0o700 });
  await writeFileAtomic(configFile, `${JSON.stringify(options.config, undefined, 2)}\n`, { mode: 0o600 });
  const process = await ManagedProcess.start({
    command: [...serve, name, '--config', configFile, '--until-stdin-closes'],
    environment: options.environment,
    logFile,
  });
  options.onStarted(process);
  let stopping = false;
  const stop = async (): Promise<void> => {
    stopping = true;
    await process.stop(GRACE_MS);
  };
  try {
    await waitUntilHealthy(options, process);
  } catch (error) {
    await stop();
    throw error;
  }
  void process.exited.then(async (exit) => {
    if (!stopping) options.onExit(exit, await lastLogLine(logFile));
  });
  return { pid: process.pid, stop };
}

async function waitUntilHealthy(options: LocalServiceOptions, process: ManagedProcess): Promise<void> {
  const { name, healthUrl, signal } = options;
  const client = new HttpClient({ ca: options.ca });
  const deadline = performance.now() + options.timeoutMs;
  let last = 'it does not answer';
  try {
    while (process.running && !signal.aborted) {
      try {
        const { status } = await client.send({ url: healthUrl, timeoutMs: POLL_TIMEOUT_MS });
        if (status === 200) return;
        last = `its health is ${status}`;
      } catch (error) {
        // Not listening yet: the usual case during the first second.
        if (!(error instanceof DependencyError)) throw error;
        last = error.message;
      }
      if (performance.now() > deadline) {
        throw new DependencyError(
          'SERVICE_NOT_READY',
          `${name} was not ready within ${options.timeoutMs / 1000} s: ${last}${await lastWords(options)}`,
          { retryable: true, action: `Read the log ${options.logFile}.` },
        );
      }
      await pause(POLL_MS, signal);
    }
  } finally {
    await client.close();
  }
  signal.throwIfAborted();
  const exit = await process.exited;
  const words = await lastLogWords(options.logFile);
  throw new DependencyError('SERVICE_EXITED', `${name} ended with ${describeExit(exit)}${await lastWords(options)}`, {
    retryable: false,
    details: { service: name, exitCode: exit.code ?? null, signal: exit.signal ?? null },
    action: words?.action ?? `Read the log ${options.logFile}.`,
  });
}

async function lastWords(options: LocalServiceOptions): Promise<string> {
  const line = await lastLogLine(options.logFile);
  return line === undefined ? '' : `: ${line}`;
}
